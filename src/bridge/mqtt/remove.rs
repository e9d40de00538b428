//! Takes back what the broker keeps of a door, so that Home Assistant forgets it.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, Incoming, PublishOptions};

use super::options::{self, OptionsError};
use super::shown::{STATES, Topics};
use crate::bridge::Settings;

/// How long the broker may take for all of it.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Why the broker still keeps something.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    #[error("bridge.toml names no broker: there is nothing to remove without mqtt.broker")]
    NoBroker,
    #[error(transparent)]
    Options(#[from] OptionsError),
    #[error("no runtime: {0}")]
    Runtime(std::io::Error),
    #[error("{broker} was not reached, or did not say that all of it is gone: {why}")]
    Broker { broker: String, why: String },
}

/// Empties every topic that the broker keeps for this door; gives their names.
///
/// # Errors
/// [`RemoveError`]
pub fn remove(settings: &Settings) -> Result<Vec<String>, RemoveError> {
    let mqtt = &settings.bridge.mqtt;
    let broker = mqtt.broker.as_ref().ok_or(RemoveError::NoBroker)?;
    let topics = Topics::new(&mqtt.topic, &mqtt.discovery, &settings.door.to_string());
    let options = options::of(mqtt, broker, &topics)?;
    let mut all = vec![topics.config(), topics.status()];
    all.extend(
        STATES
            .into_iter()
            .chain(["nonce"])
            .map(|of| topics.state(of)),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RemoveError::Runtime)?;
    let failed = |why: String| RemoveError::Broker {
        broker: broker.to_string(),
        why,
    };
    runtime.block_on(async {
        let built = AsyncClient::builder(options)
            .capacity(options::MAX_REQUESTS_COUNT)
            .try_build();
        let (client, mut event_loop) = built.map_err(|error| failed(error.to_string()))?;
        let polling = tokio::spawn(async move {
            loop {
                match event_loop.poll().await {
                    Ok(Event::Incoming(Incoming::Disconnect(_))) => return String::new(),
                    Ok(_) => {}
                    Err(error) => return error.to_string(),
                }
            }
        });
        let emptied = async {
            for topic in &all {
                let retained = PublishOptions::at_least_once().retained();
                let notice = client
                    .publish_tracked(topic.as_str(), "", retained)
                    .await
                    .map_err(|error| error.to_string())?;
                let done = notice.wait_completion_async().await;
                done.map_err(|error| format!("{topic}: {error}"))?;
            }
            Ok(())
        };
        let emptied = tokio::select! {
            emptied = tokio::time::timeout(MAX_WAIT, emptied) => {
                emptied.unwrap_or_else(|_| Err("it takes too long".into()))
            }
            why = polling => Err(why.unwrap_or_default()),
        };
        // Without a last will, which would be kept again.
        let _ = client.disconnect().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        emptied.map_err(failed)
    })?;
    Ok(all)
}
