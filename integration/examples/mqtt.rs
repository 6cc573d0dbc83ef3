//! Two clients of an MQTT broker in one group: a sensor that publishes, and a display that receives.
//!
//! MQTT tells apart how a client leaves. One that says goodbye is gone; if a connection just ends, the broker publishes
//! the client's last will. An exit can say goodbye, as it may wait for the broker. A drop cannot, so that the will is
//! published, which is right: the client did not end as it should.
//!
//! ```text
//! $ export GATHER_CM_TEST_MQTT=127.0.0.1:1883
//! $ cargo run -p gather-cm-integration --example mqtt -- house/kitchen
//! received 19.5
//! received 20.0
//! received 20.5
//! $ GATHER_CM_TEST_MQTT=127.0.0.1:9 cargo run -p gather-cm-integration --example mqtt -- house/kitchen
//! Error: enter of sensor failed:
//!   I/O: Connection refused (os error 111)
//!   caused by: Connection refused (os error 111)
//! enter of display failed:
//!   I/O: Connection refused (os error 111)
//!   caused by: Connection refused (os error 111)
//! ```

use std::{env, error, net::SocketAddr};

use gather_cm::{EnterExt, ExitCase, Report, gather};
use rumqttc::{AsyncClient, ConnectionError, Event, Incoming, LastWill, MqttOptions, Outgoing, Publish, QoS};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    select,
    sync::mpsc,
};
use tokio_util::task::AbortOnDropHandle;

pub type Error = Box<dyn error::Error + Send + Sync>;

/// A client, and the task that drives its connection. Dropped, it takes the connection with it.
pub struct Session {
    pub client: AsyncClient,
    status: String,
    pub messages: mpsc::Receiver<Publish>,
    connection: AbortOnDropHandle<Result<(), ConnectionError>>,
}

/// Connects, and subscribes. The broker has acknowledged both when this returns.
pub async fn connect(broker: SocketAddr, topic: &str, name: &str) -> Result<Session, Error> {
    let status = format!("{topic}/{name}");
    let mut options = MqttOptions::new(format!("{name} of {topic}"), broker.ip().to_string(), broker.port());
    options.set_last_will(LastWill::new(&status, "lost", QoS::AtLeastOnce, true));
    let (client, mut events) = AsyncClient::new(options, 16);
    client.publish(&status, QoS::AtLeastOnce, true, "here").await?;
    client.subscribe(topic, QoS::AtLeastOnce).await?;
    while !matches!(events.poll().await?, Event::Incoming(Incoming::SubAck(_))) {}
    let (sender, messages) = mpsc::channel(16);
    let connection = tokio::spawn(async move {
        loop {
            match events.poll().await? {
                Event::Incoming(Incoming::Publish(message)) => drop(sender.send(message).await),
                // To close at once could overtake the goodbye: the broker closes when it has read it.
                Event::Outgoing(Outgoing::Disconnect) => {
                    while events.poll().await.is_ok() {}
                    return Ok(());
                }
                _ => {}
            }
        }
    });
    Ok(Session { client, status, messages, connection: AbortOnDropHandle::new(connection) })
}

/// Says goodbye. Nobody receives any more, so the channel must not hold up the connection.
pub async fn disconnect(session: Session, _: ExitCase) -> Result<(), Error> {
    drop(session.messages);
    session.client.publish(session.status, QoS::AtLeastOnce, true, "gone").await?;
    session.client.disconnect().await?;
    Ok(session.connection.await??)
}

pub async fn measure(broker: SocketAddr, topic: &str, linger: bool) -> Result<(), Report> {
    gather((
        connect(broker, topic, "sensor").exit_with(disconnect),
        connect(broker, topic, "display").exit_with(disconnect),
    ))
    .names(&["sensor", "display"])
    .with(async |(sensor, display)| {
        for degrees in ["19.5", "20.0", "20.5"] {
            sensor.client.publish(topic, QoS::AtLeastOnce, false, degrees).await?;
            let message = display.messages.recv().await.ok_or("the connection has ended")?;
            println!("received {}", String::from_utf8_lossy(&message.payload));
        }
        if linger { std::future::pending().await } else { Ok(()) }
    })
    .await
    .map_err(|failure| failure.report())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let broker = env::var("GATHER_CM_TEST_MQTT").map_err(|_| "GATHER_CM_TEST_MQTT is not set")?.parse()?;
    let topic = env::args().nth(1).ok_or("usage: mqtt TOPIC [drop]")?;
    if env::args().nth(2).is_none() {
        return Ok(measure(broker, &topic, false).await?);
    }
    // Each line of the input is a step: the first drops the future, the second ends the program.
    let mut steps = BufReader::new(stdin()).lines();
    select! {
        measured = measure(broker, &topic, true) => return Ok(measured?),
        step = steps.next_line() => drop(step?),
    }
    println!("dropped");
    steps.next_line().await?;
    Ok(())
}
