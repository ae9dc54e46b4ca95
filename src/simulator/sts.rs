//! STS: who is calling. Query protocol, XML.

use super::reply::{Answer, Failure, Reply, escape};
use super::request::{Protocol, Request};
use super::world::World;

pub(super) fn answer(world: &World, request: &Request, request_id: &str) -> Answer {
    let Protocol::Query(namespace) = request.protocol else { return Err(Failure::unknown_operation(request)) };
    if request.operation != "GetCallerIdentity" {
        return Err(Failure::unknown_operation(request));
    }
    let caller = &world.caller;
    let result = format!(
        "<Arn>{}</Arn>\n<UserId>{}</UserId>\n<Account>{}</Account>\n",
        escape(&caller.arn),
        escape(&caller.user_id),
        escape(&caller.account)
    );
    Ok(Reply::xml(namespace, &request.operation, &result, request_id))
}
