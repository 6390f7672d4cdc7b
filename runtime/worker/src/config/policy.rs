//! Which client settings a connector may override: `connector.client.config.override.policy` (KIP-458, KIP-1188).

use millrace_config::Value;

/// The package of Java's policies.
const PACKAGE: &str = "org.apache.kafka.connect.connector.policy.";
const SUFFIX: &str = "ConnectorClientConfigOverridePolicy";
const NAMES: [&str; 4] = ["All", "None", "Principal", "Allowlist"];

/// What says which client settings a connector may override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverridePolicy {
    /// Any.
    All,
    /// None.
    None,
    /// Only who the client is: `sasl.jaas.config`, `sasl.mechanism`, `security.protocol`.
    Principal,
    /// Those of `connector.client.config.override.allowlist`.
    Allowlist(Vec<String>),
}

impl OverridePolicy {
    /// The policy of a name, or of the name of Java's class; none if there is no such.
    pub fn new(name: &str, allowlist: &[String]) -> Option<Self> {
        match short(name) {
            "All" => Some(Self::All),
            "None" => Some(Self::None),
            "Principal" => Some(Self::Principal),
            "Allowlist" => Some(Self::Allowlist(allowlist.to_vec())),
            _ => None,
        }
    }

    /// Whether a connector may set a client's `key` (given without its prefix).
    pub fn allows(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Principal => {
                matches!(
                    key,
                    "sasl.jaas.config" | "sasl.mechanism" | "security.protocol"
                )
            }
            Self::Allowlist(keys) => keys.iter().any(|allowed| allowed == key),
        }
    }

    /// The name, as messages show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::All => "All",
            Self::None => "None",
            Self::Principal => "Principal",
            Self::Allowlist(_) => "Allowlist",
        }
    }
}

/// The name without Java's package and the kind of class.
fn short(name: &str) -> &str {
    let name = name.trim();
    let simple = name.strip_prefix(PACKAGE).unwrap_or(name);
    simple.strip_suffix(SUFFIX).unwrap_or(simple)
}

/// Checks that there is a policy of the name.
pub(super) fn check(_key: &str, value: &Value) -> Result<(), String> {
    let name = value.as_str().unwrap_or_default();
    match NAMES.contains(&short(name)) {
        true => Ok(()),
        false => Err(format!("the policies are {}", NAMES.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::OverridePolicy;

    #[test]
    fn policies_decide_by_key() {
        let policy = |name| OverridePolicy::new(name, &["acks".to_owned()]).unwrap();
        for (name, acks, mechanism) in [
            ("All", true, true),
            ("None", false, false),
            ("Principal", false, true),
            ("Allowlist", true, false),
            (
                "org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy",
                false,
                false,
            ),
            ("AllConnectorClientConfigOverridePolicy", true, true),
        ] {
            assert_eq!(policy(name).allows("acks"), acks, "{name}");
            assert_eq!(policy(name).allows("sasl.mechanism"), mechanism, "{name}");
        }
        assert_eq!(OverridePolicy::new("com.example.Mine", &[]), None);
    }
}
