//! The one declarative macro behind all messages.
//!
//! An API file lists its structs with their fields in wire order, written as Kafka's own schemas say
//! versions:
//!
//! ```text
//! api! {
//!     Produce(3-13, flexible 9+): ProduceRequest => ProduceResponse;
//!
//!     struct ProduceRequest {
//!         transactional_id: Option<String>,          // in every version
//!         topic_id: Uuid [13+],                      // from version 13
//!         name: String [3-12],                       // versions 3 to 12
//!         topics: Option<Vec<Topic>> [0+, nullable 1+],  // null is a value from version 1
//!         leader: Leader [10+, tag 0],               // a tagged field, left out where it is the default
//!         log_append_time_ms: i64 = -1,              // with a default other than the type's own
//!     }
//! }
//! ```
//!
//! A field that a version does not have is not written, and reads as its default. Unknown tagged fields
//! are skipped.

/// Declares the messages of one API, see the module's documentation.
macro_rules! api {
    (
        $key:ident($from:literal - $to:literal $(, flexible $flexible:literal +)?): $request:ident => $response:ident;
        $($structs:tt)*
    ) => {
        $crate::messages::macros::structs! { $($structs)* }

        impl $crate::messages::Message for $request {
            const NAME: &'static str = stringify!($request);
            const FLEXIBLE_FROM: Option<i16> = $crate::messages::macros::optional!($($flexible)?);
        }

        impl $crate::messages::Message for $response {
            const NAME: &'static str = stringify!($response);
            const FLEXIBLE_FROM: Option<i16> = $crate::messages::macros::optional!($($flexible)?);
        }

        impl $crate::messages::Request for $request {
            const KEY: $crate::messages::ApiKey = $crate::messages::ApiKey::$key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $from..=$to;
            type Response = $response;
        }
    };
}

/// Declares structs with their fields' versions and how they are written and read.
macro_rules! structs {
    ($(
        $(#[$struct_meta:meta])*
        struct $name:ident {
            $($(#[$meta:meta])* $field:ident: $type:ty $([$($spec:tt)*])? $(= $default:expr)?),* $(,)?
        }
    )*) => {$(
        $(#[$struct_meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$meta])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::messages::macros::default_of!($type $(, $default)?),)* }
            }
        }

        impl $crate::codec::Field for $name {
            const WIRE_BYTES_MIN: usize = 1;

            fn write(
                &self,
                encoder: &mut $crate::codec::Encoder,
                version: i16,
            ) -> Result<(), $crate::codec::EncodeError> {
                $(
                    if $crate::messages::macros::in_body!(version; $($($spec)*)?) {
                        if self.$field.is_null() && !$crate::messages::macros::nullable!(version; $($($spec)*)?) {
                            return Err($crate::codec::EncodeError::UnexpectedNull {
                                field: stringify!($field),
                                version,
                            });
                        }
                        self.$field.write(encoder, version)?;
                    }
                )*
                if encoder.is_flexible() {
                    let mut count = 0;
                    $(
                        if $crate::messages::macros::tagged!(version; $($($spec)*)?).is_some()
                            && self.$field != $crate::messages::macros::default_of!($type $(, $default)?)
                        {
                            count += 1;
                        }
                    )*
                    encoder.put_uvarint(count);
                    $(
                        if let Some(tag) = $crate::messages::macros::tagged!(version; $($($spec)*)?)
                            && self.$field != $crate::messages::macros::default_of!($type $(, $default)?)
                        {
                            encoder.put_tagged(tag, |encoder| self.$field.write(encoder, version))?;
                        }
                    )*
                }
                Ok(())
            }

            fn read_nullable(
                decoder: &mut $crate::codec::Decoder,
                version: i16,
            ) -> Result<Option<Self>, $crate::codec::DecodeError> {
                let mut this = Self::default();
                $(
                    if $crate::messages::macros::in_body!(version; $($($spec)*)?) {
                        this.$field = $crate::codec::Field::read(decoder, version, stringify!($field))?;
                        if this.$field.is_null() && !$crate::messages::macros::nullable!(version; $($($spec)*)?) {
                            return Err($crate::codec::DecodeError::UnexpectedNull {
                                field: stringify!($field),
                                version,
                            });
                        }
                    }
                )*
                if decoder.is_flexible() {
                    decoder.get_tagged(|decoder, tag| {
                        $(
                            if $crate::messages::macros::tagged!(version; $($($spec)*)?) == Some(tag) {
                                this.$field = $crate::codec::Field::read(decoder, version, stringify!($field))?;
                                return Ok(true);
                            }
                        )*
                        let _ = (decoder, tag);
                        Ok(false)
                    })?;
                }
                Ok(Some(this))
            }

            fn error_codes(&self, tell: &mut impl FnMut($crate::error_code::ErrorCode)) {
                $(self.$field.error_codes(tell);)*
                let _ = tell;
            }
        }

        impl $crate::messages::Throttling for $name {
            fn throttle_time_ms(&self) -> i32 {
                0 $(+ $crate::messages::macros::throttle!($field, self.$field))*
            }
        }

        #[cfg(test)]
        impl $crate::messages::sample::Sample for $name {
            fn sample(sampler: &mut $crate::messages::sample::Sampler, version: i16, _nullable: bool) -> Self {
                let mut this = Self::default();
                $(
                    let is_tagged = $crate::messages::macros::tagged!(version; $($($spec)*)?).is_some();
                    if is_tagged || $crate::messages::macros::in_body!(version; $($($spec)*)?) {
                        let nullable = $crate::messages::macros::nullable!(version; $($($spec)*)?);
                        this.$field = $crate::messages::sample::Sample::sample(sampler, version, nullable);
                    }
                )*
                this
            }
        }
    )*};
}

/// The value of the field that says how long a client is to hold back; nothing of any other.
macro_rules! throttle {
    (throttle_time_ms, $value:expr) => {
        $value
    };
    ($other:ident, $value:expr) => {
        0
    };
}

/// `Some` of a literal, or `None` of nothing.
macro_rules! optional {
    () => {
        None
    };
    ($value:literal) => {
        Some($value)
    };
}

/// A field's default: the one given, else that of its type.
macro_rules! default_of {
    ($type:ty) => {
        <$type>::default()
    };
    ($type:ty, $default:expr) => {
        $default
    };
}

/// Whether the version has the field.
macro_rules! present {
    ($version:ident;) => {
        true
    };
    ($version:ident; $from:literal + $(, $($rest:tt)*)?) => {
        $version >= $from
    };
    ($version:ident; $from:literal - $to:literal $(, $($rest:tt)*)?) => {
        ($from..=$to).contains(&$version)
    };
}

/// The field's tag where the version has it as a tagged field.
macro_rules! tagged {
    ($version:ident; $from:literal +, tag $tag:literal) => {
        ($version >= $from).then_some($tag)
    };
    ($version:ident; $($spec:tt)*) => {
        None::<u32>
    };
}

/// Whether the version has the field in the struct's body.
macro_rules! in_body {
    ($version:ident; $from:literal +, tag $tag:literal) => {
        false
    };
    ($version:ident; $($spec:tt)*) => {
        $crate::messages::macros::present!($version; $($spec)*)
    };
}

/// Whether null is a value of the field in the version.
macro_rules! nullable {
    ($version:ident; $from:literal +, nullable $null:literal +) => {
        $version >= $null
    };
    ($version:ident; $from:literal - $to:literal, nullable $null:literal +) => {
        $version >= $null
    };
    ($version:ident; $($spec:tt)*) => {
        true
    };
}

pub(crate) use {api, default_of, in_body, nullable, optional, present, structs, tagged, throttle};
