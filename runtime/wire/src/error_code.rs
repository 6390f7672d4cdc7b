//! Kafka's error codes: one table of code, name, whether a retry can help, and what it means.
//!
//! Names, codes and retriability are Kafka's (`org.apache.kafka.common.protocol.Errors`).

use std::fmt;

/// An error code as it stands in an answer. Codes that are not in the table are kept as they came.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub i16);

struct Row {
    code: ErrorCode,
    name: &'static str,
    retriable: bool,
    text: &'static str,
}

macro_rules! codes {
    (@retriable retriable) => { true };
    (@retriable final) => { false };
    ($($code:literal $name:ident $retriable:tt $text:literal;)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!($text, ".")]
                pub const $name: ErrorCode = ErrorCode($code);
            )*
        }

        const ROWS: &[Row] = &[$(Row {
            code: ErrorCode($code),
            name: stringify!($name),
            retriable: codes!(@retriable $retriable),
            text: $text,
        },)*];
    };
}

codes! {
    -1 UNKNOWN_SERVER_ERROR final "the server met an unexpected error";
    0 NONE final "no error";
    1 OFFSET_OUT_OF_RANGE final "the offset is outside the range of offsets that the partition holds";
    2 CORRUPT_MESSAGE retriable "the records failed their checksum, or are otherwise corrupt";
    3 UNKNOWN_TOPIC_OR_PARTITION retriable "this server does not host this topic-partition";
    4 INVALID_FETCH_SIZE final "the fetch size is invalid";
    5 LEADER_NOT_AVAILABLE retriable "the partition has no leader at the moment";
    6 NOT_LEADER_OR_FOLLOWER retriable "the node is not the leader or a replica of the partition";
    7 REQUEST_TIMED_OUT retriable "the request timed out";
    8 BROKER_NOT_AVAILABLE final "the broker is not available";
    9 REPLICA_NOT_AVAILABLE retriable "the replica is not available";
    10 MESSAGE_TOO_LARGE final "the record batch is larger than the largest the server takes";
    11 STALE_CONTROLLER_EPOCH final "the controller moved to another node";
    12 OFFSET_METADATA_TOO_LARGE final "the metadata of the offset commit is too large";
    13 NETWORK_EXCEPTION retriable "the server disconnected before an answer came";
    14 COORDINATOR_LOAD_IN_PROGRESS retriable "the coordinator is still loading its state";
    15 COORDINATOR_NOT_AVAILABLE retriable "the coordinator is not available";
    16 NOT_COORDINATOR retriable "this is not the right coordinator";
    17 INVALID_TOPIC_EXCEPTION final "the topic name or the operation on the topic is not valid";
    18 RECORD_LIST_TOO_LARGE final "the record batch is larger than a segment";
    19 NOT_ENOUGH_REPLICAS retriable "fewer replicas are in sync than required";
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND retriable "the records are written, but to fewer replicas than required";
    21 INVALID_REQUIRED_ACKS final "acks must be -1, 0 or 1";
    22 ILLEGAL_GENERATION final "the generation is not that of the group";
    23 INCONSISTENT_GROUP_PROTOCOL final "the member has no protocol in common with the group";
    24 INVALID_GROUP_ID final "the group id is not valid";
    25 UNKNOWN_MEMBER_ID final "the group does not know this member";
    26 INVALID_SESSION_TIMEOUT final "the session timeout is outside the range that the server allows";
    27 REBALANCE_IN_PROGRESS final "the group is rebalancing, join again";
    28 INVALID_COMMIT_OFFSET_SIZE final "the offset commit is too large";
    29 TOPIC_AUTHORIZATION_FAILED final "not authorized to access the topic";
    30 GROUP_AUTHORIZATION_FAILED final "not authorized to access the group";
    31 CLUSTER_AUTHORIZATION_FAILED final "not authorized to change the cluster";
    32 INVALID_TIMESTAMP final "the timestamp of a record is outside the accepted range";
    33 UNSUPPORTED_SASL_MECHANISM final "the server does not support the SASL mechanism";
    34 ILLEGAL_SASL_STATE final "the request is not valid in this state of SASL";
    35 UNSUPPORTED_VERSION final "the version of the API is not supported";
    36 TOPIC_ALREADY_EXISTS final "a topic of this name exists already";
    37 INVALID_PARTITIONS final "the number of partitions is not valid";
    38 INVALID_REPLICATION_FACTOR final "the replication factor is not valid";
    39 INVALID_REPLICA_ASSIGNMENT final "the replica assignment is not valid";
    40 INVALID_CONFIG final "the configuration is not valid";
    41 NOT_CONTROLLER retriable "this is not the controller";
    42 INVALID_REQUEST final "the request is not valid";
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT final "the message format does not support this";
    44 POLICY_VIOLATION final "the request breaks a policy";
    45 OUT_OF_ORDER_SEQUENCE_NUMBER final "the producer's sequence number does not follow its last one";
    46 DUPLICATE_SEQUENCE_NUMBER final "the producer's sequence number was seen before";
    47 INVALID_PRODUCER_EPOCH final "the producer's epoch is older than the one known";
    48 INVALID_TXN_STATE final "the transaction is not in a state for this";
    49 INVALID_PRODUCER_ID_MAPPING final "the producer id is not that of the transactional id";
    50 INVALID_TRANSACTION_TIMEOUT final "the transaction timeout is not valid";
    51 CONCURRENT_TRANSACTIONS retriable "another operation on the transaction is under way";
    52 TRANSACTION_COORDINATOR_FENCED final "another transaction coordinator took over";
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED final "not authorized to use the transactional id";
    54 SECURITY_DISABLED final "security features are disabled";
    55 OPERATION_NOT_ATTEMPTED final "the operation was not attempted";
    56 KAFKA_STORAGE_ERROR retriable "the log cannot be read or written";
    57 LOG_DIR_NOT_FOUND final "the log directory is not configured";
    58 SASL_AUTHENTICATION_FAILED final "authentication failed";
    59 UNKNOWN_PRODUCER_ID final "the producer id is not known";
    60 REASSIGNMENT_IN_PROGRESS final "a reassignment of partitions is under way";
    61 DELEGATION_TOKEN_AUTH_DISABLED final "delegation tokens are not enabled";
    62 DELEGATION_TOKEN_NOT_FOUND final "the delegation token is not known";
    63 DELEGATION_TOKEN_OWNER_MISMATCH final "the principal is not the owner or a renewer of the token";
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED final "delegation token requests are not allowed on this connection";
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED final "not authorized to use the delegation token";
    66 DELEGATION_TOKEN_EXPIRED final "the delegation token has expired";
    67 INVALID_PRINCIPAL_TYPE final "the type of the principal is not supported";
    68 NON_EMPTY_GROUP final "the group has members";
    69 GROUP_ID_NOT_FOUND final "the group does not exist";
    70 FETCH_SESSION_ID_NOT_FOUND retriable "the fetch session is not known";
    71 INVALID_FETCH_SESSION_EPOCH retriable "the epoch of the fetch session is not the one expected";
    72 LISTENER_NOT_FOUND retriable "the leader has no listener of this name";
    73 TOPIC_DELETION_DISABLED final "topic deletion is disabled";
    74 FENCED_LEADER_EPOCH retriable "the leader epoch is older than the broker's";
    75 UNKNOWN_LEADER_EPOCH retriable "the leader epoch is newer than the broker's";
    76 UNSUPPORTED_COMPRESSION_TYPE final "the version of the request does not support the compression";
    77 STALE_BROKER_EPOCH final "the broker epoch has changed";
    78 OFFSET_NOT_AVAILABLE retriable "the high watermark has not caught up";
    79 MEMBER_ID_REQUIRED final "join again with the member id given";
    80 PREFERRED_LEADER_NOT_AVAILABLE retriable "the preferred leader is not available";
    81 GROUP_MAX_SIZE_REACHED final "the group is full";
    82 FENCED_INSTANCE_ID final "another member registered with the same group.instance.id";
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE retriable "no eligible leader is available";
    84 ELECTION_NOT_NEEDED retriable "the partition needs no election";
    85 NO_REASSIGNMENT_IN_PROGRESS final "no reassignment of the partition is under way";
    86 GROUP_SUBSCRIBED_TO_TOPIC final "the group is subscribed to the topic";
    87 INVALID_RECORD final "a record failed validation";
    88 UNSTABLE_OFFSET_COMMIT retriable "the offset belongs to an open transaction";
    89 THROTTLING_QUOTA_EXCEEDED retriable "the throttling quota is exceeded";
    90 PRODUCER_FENCED final "a newer producer uses the transactional id";
    91 RESOURCE_NOT_FOUND final "the resource does not exist";
    92 DUPLICATE_RESOURCE final "the resource is named twice";
    93 UNACCEPTABLE_CREDENTIAL final "the credential does not meet the requirements";
    94 INCONSISTENT_VOTER_SET final "the voter set is not the one expected";
    95 INVALID_UPDATE_VERSION final "the version of the update is not valid";
    96 FEATURE_UPDATE_FAILED final "the features could not be updated";
    97 PRINCIPAL_DESERIALIZATION_FAILURE final "the forwarded principal cannot be read";
    98 SNAPSHOT_NOT_FOUND final "the snapshot does not exist";
    99 POSITION_OUT_OF_RANGE final "the position is outside the snapshot";
    100 UNKNOWN_TOPIC_ID retriable "this server does not host this topic id";
    101 DUPLICATE_BROKER_REGISTRATION final "the broker id is in use";
    102 BROKER_ID_NOT_REGISTERED final "the broker id is not registered";
    103 INCONSISTENT_TOPIC_ID retriable "the topic id in the log is not the one of the request";
    104 INCONSISTENT_CLUSTER_ID final "the cluster id is not that of the cluster";
    105 TRANSACTIONAL_ID_NOT_FOUND final "the transactional id is not known";
    106 FETCH_SESSION_TOPIC_ID_ERROR retriable "the fetch session uses topic names and ids at once";
    107 INELIGIBLE_REPLICA final "the replica may not join the in-sync set";
    108 NEW_LEADER_ELECTED final "a new leader was elected meanwhile";
    109 OFFSET_MOVED_TO_TIERED_STORAGE final "the offset lies in tiered storage";
    110 FENCED_MEMBER_EPOCH final "the member epoch is fenced, rejoin";
    111 UNRELEASED_INSTANCE_ID final "another member still uses the instance id";
    112 UNSUPPORTED_ASSIGNOR final "the assignor is not supported by the group";
    113 STALE_MEMBER_EPOCH final "the member epoch is stale, heartbeat first";
    114 MISMATCHED_ENDPOINT_TYPE final "the request went to an endpoint of the wrong type";
    115 UNSUPPORTED_ENDPOINT_TYPE final "the endpoint type is not supported";
    116 UNKNOWN_CONTROLLER_ID final "the controller id is not known";
    117 UNKNOWN_SUBSCRIPTION_ID final "the telemetry subscription is not known";
    118 TELEMETRY_TOO_LARGE final "the telemetry is too large";
    119 INVALID_REGISTRATION final "the registration is not valid";
    120 TRANSACTION_ABORTABLE final "the transaction met an error and must be aborted";
    121 INVALID_RECORD_STATE final "the record is not in a state for this";
    122 SHARE_SESSION_NOT_FOUND retriable "the share session is not known";
    123 INVALID_SHARE_SESSION_EPOCH retriable "the epoch of the share session is not the one expected";
    124 FENCED_STATE_EPOCH final "the share state epoch is fenced";
    125 INVALID_VOTER_KEY final "the voter key does not match the receiving replica";
    126 DUPLICATE_VOTER final "the voter is in the voter set already";
    127 VOTER_NOT_FOUND final "the voter is not in the voter set";
    128 INVALID_REGULAR_EXPRESSION final "the regular expression is not valid";
    129 REBOOTSTRAP_REQUIRED final "the client must look up the cluster again";
    130 STREAMS_INVALID_TOPOLOGY final "the topology is not valid";
    131 STREAMS_INVALID_TOPOLOGY_EPOCH final "the topology epoch is not valid";
    132 STREAMS_TOPOLOGY_FENCED final "the topology is fenced";
    133 SHARE_SESSION_LIMIT_REACHED retriable "the broker has no room for another share session";
}

impl ErrorCode {
    /// Whether this is [`ErrorCode::NONE`].
    pub fn is_ok(self) -> bool {
        self == Self::NONE
    }

    /// `Ok` for [`ErrorCode::NONE`], anything else as the error.
    ///
    /// # Errors
    /// The code itself.
    pub fn ok(self) -> Result<(), ErrorCode> {
        if self.is_ok() { Ok(()) } else { Err(self) }
    }

    /// Kafka's name for the code, `UNKNOWN_SERVER_ERROR` for one that is not in the table.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether the same request may succeed later.
    pub fn is_retriable(self) -> bool {
        self.row().retriable
    }

    /// What the code means, as a lower-case fragment.
    pub fn text(self) -> &'static str {
        self.row().text
    }

    fn row(self) -> &'static Row {
        let index = ROWS.binary_search_by_key(&self, |row| row.code);
        &ROWS[index.unwrap_or(0)]
    }
}

impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        ErrorCode(code)
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> Self {
        code.0
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.name())
    }
}

impl std::error::Error for ErrorCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_order_and_without_gaps() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.code.0 as isize, index as isize - 1, "{}", row.name);
        }
    }

    #[test]
    fn names_codes_and_retriability_are_kafkas() {
        for row in ROWS.iter().filter(|row| row.code != ErrorCode::NONE) {
            let theirs = kafka_protocol::ResponseError::try_from_code(row.code.0);
            let name: String = row.name.split('_').map(capitalised).collect();
            match theirs {
                Some(kafka_protocol::ResponseError::Unknown(_)) => {}
                Some(error) => {
                    assert_eq!(format!("{error:?}"), name);
                    // Retriable in Kafka since its clients wait for the transaction before; not yet there.
                    let expected =
                        error.is_retriable() || row.code == ErrorCode::CONCURRENT_TRANSACTIONS;
                    assert_eq!(expected, row.retriable, "{name}");
                }
                None => panic!("{name} reads as no error"),
            }
        }
    }

    fn capitalised(word: &str) -> String {
        word[..1].to_owned() + &word[1..].to_lowercase()
    }
}
