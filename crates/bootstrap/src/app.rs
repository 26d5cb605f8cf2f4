//! The opened application: a running engine and the ports behind it.

use std::sync::Arc;

use earmark_adapters::wire::event_body;
use earmark_application::{AccessRecorder, Engine, EventTail, Meter, NoMeter};
use earmark_domain::Promising;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring::{self, AccessMode, Ports};

/// A running engine with its ports.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) ports: Ports,
    /// What is refused.
    pub(crate) recorder: Arc<AccessRecorder>,
    /// The rules by which the engine promises stock.
    pub(crate) promising: Promising,
    /// The log as it is written, read once for all who follow it.
    pub(crate) tail: Arc<EventTail>,
    lanes: JoinSet<()>,
}

impl App {
    /// Opens the store of the settings and starts an engine on it, without metrics.
    ///
    /// # Errors
    /// When the store can't be opened.
    pub(crate) async fn open(settings: &Settings, mode: AccessMode) -> Result<Self, Failure> {
        let ports = wiring::wire(&settings.store, &settings.calendar, mode).await?;
        Ok(Self::start(ports, settings, Arc::new(NoMeter)))
    }

    /// Starts an engine on these ports.
    pub(crate) fn start(ports: Ports, settings: &Settings, meter: Arc<dyn Meter>) -> Self {
        let (engine, lanes) = Engine::new(
            Arc::clone(&ports.store),
            Arc::clone(&ports.worklist),
            Arc::clone(&ports.clock),
            meter,
            settings.engine.engine_settings(settings.promising),
        );
        let recorder = Arc::new(AccessRecorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)));
        let engine = engine.recording(Arc::clone(&recorder));
        let tail = EventTail::new(Arc::clone(&ports.events), Box::new(event_body));
        Self {
            engine,
            tail,
            recorder,
            ports,
            promising: settings.promising,
            lanes: lanes.into_iter().map(|lane| lane.run()).collect(),
        }
    }

    /// Waits until a lane ends before the drain: a defect ended it, and its commands stay unanswered. Returns the
    /// reason.
    pub(crate) async fn lane_failed(&mut self) -> String {
        match self.lanes.join_next().await {
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) | None => "its queue was closed".to_owned(),
        }
    }

    /// Takes no more commands, and waits until every accepted command is stored and answered.
    pub(crate) async fn close(mut self) {
        self.engine.drain().await;
        while let Some(ended) = self.lanes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a lane of the engine failed");
            }
        }
    }
}
