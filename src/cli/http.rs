//! `[http]` of the configuration: where metrics and health are told, and to whom.

use super::failure::Failure;
use super::rules_file;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// `[http]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// `ip:port`; port 0: any free one; empty: no server.
    pub address: String,
    /// File of the bearer token; empty: none.
    pub token_file: PathBuf,
    /// Variable of the bearer token.
    pub token_env: String,
}

impl Default for Http {
    fn default() -> Http {
        Http {
            address: "127.0.0.1:9464".into(),
            token_file: PathBuf::new(),
            token_env: "TRUNKLINE_HTTP_TOKEN".into(),
        }
    }
}

impl Http {
    /// Everything that is wrong with the values.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if !self.address.is_empty() && self.address.parse::<SocketAddr>().is_err() {
            complaints.push(
                "http.address: an IP address and a port, as 127.0.0.1:9464, or \"\" for none".to_owned(),
            );
        }
        if self.token_env.is_empty() || self.token_env.contains(['=', '\0']) {
            complaints.push("http.token_env: name a variable".to_owned());
        }
        complaints
    }

    /// Makes the token's file relative to the working directory.
    pub fn settle(&mut self, folder: &Path) {
        if !self.token_file.as_os_str().is_empty() {
            self.token_file = folder.join(&self.token_file);
        }
    }

    /// Where to listen, and what whoever asks must know; `None`: nowhere.
    ///
    /// # Errors
    /// Exit code 3 if the address is not loopback and there is no token, or the token's file cannot be read.
    pub fn place(&self) -> Result<Option<(SocketAddr, Option<String>)>, Failure> {
        let Ok(address) = self.address.parse::<SocketAddr>() else { return Ok(None) };
        let token = if self.token_file.as_os_str().is_empty() {
            std::env::var(&self.token_env).ok()
        } else {
            Some(rules_file::read(&self.token_file)?)
        };
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        if token.is_none() && !address.ip().is_loopback() {
            return Err(Failure::configuration(format!(
                "http.address: {address} is not loopback, so whoever asks must know a token: set http.token_file, or \
                 the variable {}",
                self.token_env
            )));
        }
        Ok(Some((address, token)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Http {
        Http { address: address.into(), token_env: "TRUNKLINE_NO_SUCH_VARIABLE".into(), ..Http::default() }
    }

    #[test]
    fn only_loopback_goes_without_a_token() {
        assert_eq!(at("").place().unwrap(), None);
        for address in ["127.0.0.1:0", "[::1]:9464"] {
            assert_eq!(at(address).place().unwrap(), Some((address.parse().unwrap(), None)));
        }
        assert_eq!(at("0.0.0.0:9464").place().unwrap_err().exit_code(), 3);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "secret\n").unwrap();
        let mut http = Http { token_file: "token".into(), ..at("0.0.0.0:9464") };
        http.settle(folder.path());
        assert_eq!(http.place().unwrap().unwrap().1.as_deref(), Some("secret"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert!(Http::default().complaints().is_empty() && at("").complaints().is_empty());
        for address in ["9464", "localhost:9464", "127.0.0.1"] {
            assert!(at(address).complaints()[0].starts_with("http.address: "), "{address}");
        }
        let http = Http { token_env: String::new(), ..Http::default() };
        assert!(http.complaints()[0].starts_with("http.token_env: "));
    }
}
