//! Two clients of an MQTT broker are in one group: a sensor that publishes, and a display that receives.
//!
//! MQTT distinguishes how a client leaves. A client that says goodbye is just gone. If a connection ends without a
//! goodbye, the broker publishes the client's last will. An exit can say goodbye, because it may wait for the broker. A
//! drop cannot, so the will is published. That is right, because the client did not end as it should.
//!
//! A broker drops a client that is silent for too long, so the client's event loop must be polled all the time. It is
//! the driver of a driven member here. The gather polls it even while the oven warms up, which takes longer than the
//! broker would wait. The argument `slow` says so.
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

use std::{env, error, future::Future, net::SocketAddr, pin::Pin, time::Duration};

use gather_cm::{EnterExt, ExitCase, Report, gather};
use rumqttc::{AsyncClient, ConnectionError, Event, Incoming, LastWill, MqttOptions, Outgoing, Publish, QoS};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    select,
    sync::mpsc,
    time::sleep,
};

pub type Error = Box<dyn error::Error + Send + Sync>;

/// A broker drops a client that it has not heard from for one and a half times this long. mosquitto looks every five
/// seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

pub struct Session {
    pub client: AsyncClient,
    status: String,
    pub messages: mpsc::Receiver<Publish>,
}

/// The event loop. It ends when the client has said goodbye.
pub type Connection = Pin<Box<dyn Future<Output = Result<(), ConnectionError>> + Send>>;

/// Connects, and subscribes. The broker has acknowledged both when this returns.
pub async fn connect(broker: SocketAddr, topic: &str, name: &str) -> Result<(Session, Connection), Error> {
    let status = format!("{topic}/{name}");
    let mut options = MqttOptions::new(format!("{name} of {topic}"), broker.ip().to_string(), broker.port());
    options.set_keep_alive(KEEP_ALIVE);
    options.set_last_will(LastWill::new(&status, "lost", QoS::AtLeastOnce, true));
    let (client, mut events) = AsyncClient::new(options, 16);
    client.publish(&status, QoS::AtLeastOnce, true, "here").await?;
    client.subscribe(topic, QoS::AtLeastOnce).await?;
    while !matches!(events.poll().await?, Event::Incoming(Incoming::SubAck(_))) {}
    let (sender, messages) = mpsc::channel(16);
    let connection = Box::pin(async move {
        loop {
            match events.poll().await? {
                Event::Incoming(Incoming::Publish(message)) => drop(sender.send(message).await),
                // If we closed at once, that could overtake the goodbye. The broker closes when it has read the
                // goodbye.
                Event::Outgoing(Outgoing::Disconnect) => {
                    while events.poll().await.is_ok() {}
                    return Ok(());
                }
                _ => {}
            }
        }
    });
    Ok((Session { client, status, messages }, connection))
}

/// Says goodbye. Nobody receives any more, so the channel must not hold up the connection.
pub async fn disconnect(session: Session, _: ExitCase) -> Result<(), Error> {
    drop(session.messages);
    session.client.publish(session.status, QoS::AtLeastOnce, true, "gone").await?;
    Ok(session.client.disconnect().await?)
}

pub async fn measure(broker: SocketAddr, topic: &str, warm_up: Duration, linger: bool) -> Result<(), Report> {
    gather((
        connect(broker, topic, "sensor").driven().exit_with(disconnect).to_end(),
        connect(broker, topic, "display").driven().exit_with(disconnect).to_end(),
        async { Ok(sleep(warm_up).await) }.drop_on_exit(),
    ))
    .names(&["sensor", "display", "oven"])
    .with(async |(sensor, display, _)| {
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
    let topic = env::args().nth(1).ok_or("usage: mqtt TOPIC [slow | drop]")?;
    match env::args().nth(2).as_deref() {
        None => return Ok(measure(broker, &topic, Duration::ZERO, false).await?),
        Some("slow") => return Ok(measure(broker, &topic, 7 * KEEP_ALIVE, false).await?),
        Some(_) => {}
    }
    // Each line of the input is a step. The first one drops the future, and the second one ends the program.
    let mut steps = BufReader::new(stdin()).lines();
    select! {
        measured = measure(broker, &topic, Duration::ZERO, true) => return Ok(measured?),
        step = steps.next_line() => drop(step?),
    }
    println!("dropped");
    steps.next_line().await?;
    Ok(())
}
