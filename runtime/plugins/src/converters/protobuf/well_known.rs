//! The schemas that .proto texts import without anybody registering them.

/// The text of an import, if it is one of these.
pub(super) fn text(import: &str) -> Option<&'static str> {
    Some(match import {
        "google/protobuf/timestamp.proto" => TIMESTAMP,
        "google/protobuf/duration.proto" => DURATION,
        "google/protobuf/wrappers.proto" => WRAPPERS,
        "google/protobuf/any.proto" => ANY,
        "google/protobuf/empty.proto" => EMPTY,
        "google/protobuf/field_mask.proto" => FIELD_MASK,
        "google/protobuf/struct.proto" => STRUCT,
        "google/type/date.proto" => DATE,
        "google/type/timeofday.proto" => TIME_OF_DAY,
        "google/type/money.proto" => MONEY,
        "google/type/latlng.proto" => LAT_LNG,
        "confluent/type/decimal.proto" => DECIMAL,
        _ => return None,
    })
}

/// The messages that hold one simple value each, as the registry keeps them.
pub(super) const WRAPPERS: &str = r#"syntax = "proto3";
package google.protobuf;

option java_package = "com.google.protobuf";
option java_outer_classname = "WrappersProto";
option java_multiple_files = true;

message DoubleValue {
  double value = 1;
}
message FloatValue {
  float value = 1;
}
message Int64Value {
  int64 value = 1;
}
message UInt64Value {
  uint64 value = 1;
}
message Int32Value {
  int32 value = 1;
}
message UInt32Value {
  uint32 value = 1;
}
message BoolValue {
  bool value = 1;
}
message StringValue {
  string value = 1;
}
message BytesValue {
  bytes value = 1;
}
"#;

const TIMESTAMP: &str = r#"syntax = "proto3"; package google.protobuf;
message Timestamp { int64 seconds = 1; int32 nanos = 2; }"#;
const DURATION: &str = r#"syntax = "proto3"; package google.protobuf;
message Duration { int64 seconds = 1; int32 nanos = 2; }"#;
const ANY: &str = r#"syntax = "proto3"; package google.protobuf;
message Any { string type_url = 1; bytes value = 2; }"#;
const EMPTY: &str = r#"syntax = "proto3"; package google.protobuf; message Empty {}"#;
const FIELD_MASK: &str = r#"syntax = "proto3"; package google.protobuf;
message FieldMask { repeated string paths = 1; }"#;
const STRUCT: &str = r#"syntax = "proto3"; package google.protobuf;
message Struct { map<string, Value> fields = 1; }
message Value { oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3;
  bool bool_value = 4; Struct struct_value = 5; ListValue list_value = 6; } }
enum NullValue { NULL_VALUE = 0; }
message ListValue { repeated Value values = 1; }"#;
const DATE: &str = r#"syntax = "proto3"; package google.type;
message Date { int32 year = 1; int32 month = 2; int32 day = 3; }"#;
const TIME_OF_DAY: &str = r#"syntax = "proto3"; package google.type;
message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }"#;
const MONEY: &str = r#"syntax = "proto3"; package google.type;
message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }"#;
const LAT_LNG: &str = r#"syntax = "proto3"; package google.type;
message LatLng { double latitude = 1; double longitude = 2; }"#;
const DECIMAL: &str = r#"syntax = "proto3"; package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_can_be_read() {
        for import in [
            "google/protobuf/timestamp.proto",
            "google/protobuf/duration.proto",
            "google/protobuf/wrappers.proto",
            "google/protobuf/any.proto",
            "google/protobuf/empty.proto",
            "google/protobuf/field_mask.proto",
            "google/protobuf/struct.proto",
            "google/type/date.proto",
            "google/type/timeofday.proto",
            "google/type/money.proto",
            "google/type/latlng.proto",
            "confluent/type/decimal.proto",
        ] {
            let file = super::super::parser::parse(text(import).unwrap()).unwrap();
            assert!(!file.messages.is_empty(), "{import}");
        }
        assert_eq!(text("other.proto"), None);
    }
}
