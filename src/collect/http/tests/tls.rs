//! A TLS server that is somebody else: its certificate is for `wrong.example`, and good until 2126.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Self-signed, DER in base64.
const CERTIFICATE: [&str; 6] = [
    "MIIBnjCCAUSgAwIBAgIUEofWSTMGaeRSDrpF6j+1j7wNuGUwCgYIKoZIzj0EAwIwGDEWMBQGA1UEAwwNd3JvbmcuZXhhbXBsZTAg",
    "Fw0yNjExMjQwODQzMzFaGA8yMTI2MTAzMTA4NDMzMVowGDEWMBQGA1UEAwwNd3JvbmcuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqG",
    "SM49AwEHA0IABFeYDdXLSldwKEzfUtNWajfa5ehbKqlWDBdxR8a9iDUc4VInjMhsfoxn9k1W7QuPSU15CU5ocddAE7WgCjw2uGmj",
    "ajBoMB0GA1UdDgQWBBQRehQ2zvXq26We94VVNSrJNXBRwDAfBgNVHSMEGDAWgBQRehQ2zvXq26We94VVNSrJNXBRwDAYBgNVHREE",
    "ETAPgg13cm9uZy5leGFtcGxlMAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDSAAwRQIhALqdCyqnZKjy0CYu/j8+Osd1aNg0mVwV",
    "k1ZVkh8fqAt0AiBjkxtvWXwNS8lS0oZ4PN4btdqddoRJ7gPSfwEW16xYqw==",
];

/// Its key, which guards nothing.
const KEY: [&str; 2] = [
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWrt/zY9ODgZbJSNDIGVlLYfYjZlr3kAEDQSsC4rWddmhRANCAARX",
    "mA3Vy0pXcChM31LTVmo32uXoWyqpVgwXcUfGvYg1HOFSJ4zIbH6MZ/ZNVu0Lj0lNeQlOaHHXQBO1oAo8Nrhp",
];

fn der(lines: &[&str]) -> Vec<u8> {
    STANDARD.decode(lines.concat()).expect("base64")
}

/// The certificate, to be trusted: DER.
pub(super) fn certificate() -> Vec<u8> {
    der(&CERTIFICATE)
}

/// Serves TLS on loopback; returns the port.
pub(super) async fn serve() -> u16 {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der(&KEY)));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate())], key)
        .expect("its own key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { drop(acceptor.accept(stream).await) });
        }
    });
    port
}
