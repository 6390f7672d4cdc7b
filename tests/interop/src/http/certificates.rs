//! Certificates for a server and its clients, issued by an authority of the check's own.

use std::path::PathBuf;

use millrace_system::sandbox::Sandbox;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Issues certificates, whose files are in a folder.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub(super) file: PathBuf,
}

impl Authority {
    pub(super) fn new(folder: &Sandbox) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = "the authority of a check";
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let file = folder.write("authority.pem", params.self_signed(&key)?.pem());
        Ok(Self {
            issuer: Issuer::new(params, key),
            file,
        })
    }

    /// A file with a certificate for `name` and its key.
    pub(super) fn issue(&self, folder: &Sandbox, name: &str) -> anyhow::Result<PathBuf> {
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        let file = format!("{name}.pem");
        Ok(folder.write(&file, certificate + &key.serialize_pem()))
    }
}
