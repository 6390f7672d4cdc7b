//! The plugins that this worker has, by name and alias.

pub(crate) mod alias;
mod providers;

use std::fmt;
use std::sync::Arc;

use millrace_api::{
    CONNECT_VERSION, Converter, Execution, HeaderConverter, Plugin, Predicate, SinkConnector,
    SourceConnector, Transform,
};
use millrace_config::{ConfigDef, ConfigKey, Importance, Type, Validator};

/// The key that says what a converter is used for; the worker fills it in.
pub(crate) const CONVERTER_TYPE: &str = "converter.type";

/// What a plugin is, in the order that REST lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginKind {
    /// Carries records out.
    Sink,
    /// Brings records in.
    Source,
    /// Changes records.
    Transformation,
    /// Chooses records.
    Predicate,
    /// Converts keys and values.
    Converter,
    /// Converts header values.
    HeaderConverter,
}

impl PluginKind {
    /// Whether this is a source or a sink.
    pub fn is_connector(self) -> bool {
        matches!(self, Self::Sink | Self::Source)
    }

    /// The end of a class name that an alias may leave out.
    fn suffix(self) -> &'static str {
        match self {
            Self::Sink | Self::Source => "Connector",
            Self::Transformation => "Transformation",
            Self::Predicate => "Predicate",
            Self::Converter => "Converter",
            Self::HeaderConverter => "HeaderConverter",
        }
    }
}

type Make<T> = Arc<dyn Fn() -> Box<T> + Send + Sync>;

/// How to make an instance of a plugin.
#[derive(Clone)]
pub(crate) enum Code {
    Source(Make<dyn SourceConnector>),
    Sink(Make<dyn SinkConnector>),
    Converter(Make<dyn Converter>, ConfigDef),
    HeaderConverter(Make<dyn HeaderConverter>, ConfigDef),
    Transform(Make<dyn Transform>, ConfigDef),
    Predicate(Make<dyn Predicate>, ConfigDef),
}

/// A plugin as it was registered.
#[derive(Clone)]
pub struct Registered {
    /// Names, version and way to run.
    pub plugin: Plugin,
    /// What it is.
    pub kind: PluginKind,
    pub(crate) code: Code,
}

impl Registered {
    /// The class name under which it is listed.
    pub fn class(&self) -> &'static str {
        self.plugin.class
    }

    /// The version that REST shows.
    pub fn version(&self) -> &'static str {
        self.plugin.version
    }

    /// How its calls run.
    pub fn execution(&self) -> Execution {
        self.plugin.execution
    }

    /// The keys of a converter, transform or predicate; none for a connector, whose definition is its own code's to give.
    pub(crate) fn own_definition(&self) -> Option<&ConfigDef> {
        match &self.code {
            Code::Converter(_, definition)
            | Code::HeaderConverter(_, definition)
            | Code::Transform(_, definition)
            | Code::Predicate(_, definition) => Some(definition),
            Code::Source(_) | Code::Sink(_) => None,
        }
    }

    fn has_name(&self, name: &str) -> bool {
        self.plugin.class == name || self.plugin.aliases.contains(&name)
    }

    fn has_alias(&self, name: &str) -> bool {
        let mut names = std::iter::once(&self.plugin.class).chain(self.plugin.aliases);
        names.any(|class| alias::matches(class, self.kind.suffix(), name))
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("plugin", &self.plugin)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// All plugins of a worker.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    plugins: Vec<Registered>,
    providers: Vec<providers::Provider>,
}

impl Registry {
    /// A registry without plugins.
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry of the stock converters, transforms and predicates.
    pub fn stock() -> Self {
        let step = |class: &'static str, aliases| Plugin {
            class,
            aliases,
            version: match class.starts_with("millrace.") {
                true => env!("CARGO_PKG_VERSION"),
                false => CONNECT_VERSION,
            },
            execution: Execution::Async,
        };
        let plugin = |class| step(class, &[]);
        let mut registry = Self::new();
        for stock in millrace_plugins::converters() {
            registry = registry.converter(
                plugin(stock.class),
                with_type((stock.definition)()),
                stock.create,
            );
        }
        for stock in millrace_plugins::header_converters() {
            // One that converts headers only has no use to tell apart.
            let is_converter = millrace_plugins::converters()
                .iter()
                .any(|other| other.class == stock.class);
            let definition = (stock.definition)();
            let definition = if is_converter {
                with_type(definition)
            } else {
                definition
            };
            registry = registry.header_converter(plugin(stock.class), definition, stock.create);
        }
        for stock in millrace_plugins::transforms() {
            let plugin = step(stock.class, stock.aliases);
            registry = registry.transform(plugin, (stock.definition)(), stock.create);
        }
        for stock in millrace_plugins::predicates() {
            let plugin = step(stock.class, stock.aliases);
            registry = registry.predicate(plugin, (stock.definition)(), stock.create);
        }
        for stock in millrace_plugins::config_providers() {
            registry = registry.config_provider(stock.class, stock.create);
        }
        registry
    }

    /// Registers a source connector.
    #[must_use]
    pub fn source<C: SourceConnector + Default + 'static>(self) -> Self {
        self.with(
            C::plugin(),
            PluginKind::Source,
            Code::Source(Arc::new(|| Box::<C>::default())),
        )
    }

    /// Registers a source connector whose instances `make` makes.
    #[must_use]
    pub fn source_by<C: SourceConnector + 'static>(
        self,
        make: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        let make = move || -> Box<dyn SourceConnector> { Box::new(make()) };
        self.with(
            C::plugin(),
            PluginKind::Source,
            Code::Source(Arc::new(make)),
        )
    }

    /// Registers a sink connector whose instances `make` makes.
    #[must_use]
    pub fn sink_by<C: SinkConnector + 'static>(
        self,
        make: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        let make = move || -> Box<dyn SinkConnector> { Box::new(make()) };
        self.with(C::plugin(), PluginKind::Sink, Code::Sink(Arc::new(make)))
    }

    /// Registers a sink connector.
    #[must_use]
    pub fn sink<C: SinkConnector + Default + 'static>(self) -> Self {
        self.with(
            C::plugin(),
            PluginKind::Sink,
            Code::Sink(Arc::new(|| Box::<C>::default())),
        )
    }

    /// Registers a converter of keys and values with its keys.
    #[must_use]
    pub fn converter(
        self,
        plugin: Plugin,
        definition: ConfigDef,
        make: impl Fn() -> Box<dyn Converter> + Send + Sync + 'static,
    ) -> Self {
        self.with(
            plugin,
            PluginKind::Converter,
            Code::Converter(Arc::new(make), definition),
        )
    }

    /// Registers a converter of header values with its keys.
    #[must_use]
    pub fn header_converter(
        self,
        plugin: Plugin,
        definition: ConfigDef,
        make: impl Fn() -> Box<dyn HeaderConverter> + Send + Sync + 'static,
    ) -> Self {
        self.with(
            plugin,
            PluginKind::HeaderConverter,
            Code::HeaderConverter(Arc::new(make), definition),
        )
    }

    /// Registers a transform with its keys.
    #[must_use]
    pub fn transform(
        self,
        plugin: Plugin,
        definition: ConfigDef,
        make: impl Fn() -> Box<dyn Transform> + Send + Sync + 'static,
    ) -> Self {
        self.with(
            plugin,
            PluginKind::Transformation,
            Code::Transform(Arc::new(make), definition),
        )
    }

    /// Registers a predicate with its keys.
    #[must_use]
    pub fn predicate(
        self,
        plugin: Plugin,
        definition: ConfigDef,
        make: impl Fn() -> Box<dyn Predicate> + Send + Sync + 'static,
    ) -> Self {
        self.with(
            plugin,
            PluginKind::Predicate,
            Code::Predicate(Arc::new(make), definition),
        )
    }

    fn with(mut self, plugin: Plugin, kind: PluginKind, code: Code) -> Self {
        self.plugins.push(Registered { plugin, kind, code });
        self.plugins
            .sort_by_key(|known| (known.kind, known.plugin.class));
        self
    }

    /// All plugins: by kind, then by class.
    pub fn plugins(&self) -> &[Registered] {
        &self.plugins
    }

    /// All class names of some kinds, in order.
    pub(crate) fn classes(&self, is_wanted: impl Fn(PluginKind) -> bool) -> Vec<String> {
        self.plugins
            .iter()
            .filter(|known| is_wanted(known.kind))
            .map(|known| known.class().to_owned())
            .collect()
    }

    /// The plugin of a full class name or an alias. An alias counts only if it means one class among all plugins.
    pub fn find(&self, name: &str, is_wanted: impl Fn(PluginKind) -> bool) -> Option<&Registered> {
        let wanted = || self.plugins.iter().filter(|known| is_wanted(known.kind));
        if let Some(found) = wanted().find(|known| known.has_name(name)) {
            return Some(found);
        }
        let mut classes: Vec<&str> = self
            .plugins
            .iter()
            .filter(|known| known.has_alias(name))
            .map(Registered::class)
            .collect();
        classes.dedup();
        match classes.as_slice() {
            [first, rest @ ..] if rest.iter().all(|class| class == first) => {
                wanted().find(|known| known.class() == *first)
            }
            _ => None,
        }
    }

    /// The connector of a name or alias.
    pub fn connector(&self, name: &str) -> Option<&Registered> {
        self.find(name, PluginKind::is_connector)
    }

    /// The connectors there are, as an error message lists them.
    pub(crate) fn available_connectors(&self) -> String {
        let connectors = self
            .plugins
            .iter()
            .filter(|plugin| plugin.kind.is_connector());
        let text =
            |plugin: &Registered| format!("{} (version {})", plugin.class(), plugin.version());
        connectors.map(text).collect::<Vec<_>>().join(", ")
    }
}

/// The keys of a converter with the one that says what it is used for.
fn with_type(definition: ConfigDef) -> ConfigDef {
    let key = ConfigKey::new(CONVERTER_TYPE, Type::String)
        .doc("What the converter is used for.")
        .importance(Importance::Low)
        .validator(Validator::one_of(["key", "value", "header"]));
    ConfigDef::new().key(key).with(definition)
}
