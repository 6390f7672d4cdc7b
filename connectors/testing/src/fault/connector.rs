//! What source and sink have in common: where their faults come from, and the calls of a connector that are alike.

use millrace_api::config::Config;
use millrace_api::{ConnectError, Properties};

use super::board::{FaultBoard, Injector};
use super::config::{Faulty, name, parse};
use super::rule::Place;

/// A connector whose calls go wrong as its configuration or its board says.
#[derive(Debug)]
pub(super) struct FaultConnector<C> {
    board: FaultBoard,
    faults: Injector,
    pub(super) properties: Properties,
    /// The configuration, once it is started.
    pub(super) config: Option<C>,
}

impl<C: Config + Faulty> FaultConnector<C> {
    /// A connector whose faults are on `board`.
    pub(super) fn new(board: FaultBoard) -> Self {
        Self {
            faults: Injector::new(board.clone(), "", None),
            board,
            properties: Properties::new(),
            config: None,
        }
    }

    /// The configuration, and the faults that it arms.
    fn read(&self, properties: &Properties) -> Result<(C, Injector), ConnectError> {
        let config: C = parse(properties)?;
        self.board.configure(name(properties), config.faults())?;
        Ok((config, self.named(properties)))
    }

    fn named(&self, properties: &Properties) -> Injector {
        Injector::new(self.board.clone(), name(properties), None)
    }

    /// The connector's `validate`.
    pub(super) async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        let Ok(config) = C::parse(properties) else {
            // What each key has wrong, the worker has found already.
            return Vec::new();
        };
        let checked = async {
            self.board.configure(name(properties), config.faults())?;
            self.named(properties).meet(Place::Validate).await
        };
        let refusal = checked.await.err();
        refusal
            .map(|error| ("faults".to_owned(), error.to_string()))
            .into_iter()
            .collect()
    }

    /// The connector's `start`.
    pub(super) async fn start(&mut self, properties: &Properties) -> Result<(), ConnectError> {
        let (config, faults) = self.read(properties)?;
        self.faults = faults;
        self.properties = properties.clone();
        self.config = Some(config);
        self.meet(Place::ConnectorStart).await
    }

    /// The connector's `stop`.
    pub(super) async fn stop(&self) {
        super::told(self.meet(Place::ConnectorStop).await);
    }

    /// The connector's `alter_offsets`, which is asked of one that is not started.
    pub(super) async fn alter_offsets(&self, properties: &Properties) -> Result<(), ConnectError> {
        let faults = self.named(properties);
        faults.meet(Place::AlterOffsets).await.map(drop)
    }

    /// The faults of a task that is being made.
    pub(super) fn task(&self) -> FaultBoard {
        self.faults.meet_now(Place::Task);
        self.board.clone()
    }

    /// Makes happen what is to happen in this call.
    pub(super) async fn meet(&self, place: Place) -> Result<(), ConnectError> {
        self.faults.meet(place).await.map(drop)
    }
}
