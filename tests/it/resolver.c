/* Stands between a program and the names of the network, so that no test asks a real name server:
 * `silent.example` is looked up for ever, as with a name server that takes the question and never answers;
 * no other name exists but `localhost` and what is an address already.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
    if (node && !strcmp(node, "silent.example"))
        for (;;)
            pause();
    struct addrinfo numeric = hints ? *hints : (struct addrinfo){0};
    if (node && strcmp(node, "localhost"))
        numeric.ai_flags |= AI_NUMERICHOST;
    return ((__typeof__(&getaddrinfo))dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, &numeric, res);
}
