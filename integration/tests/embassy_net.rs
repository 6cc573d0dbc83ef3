//! Two stacks of embassy-net, joined by a wire in memory, are members of one group. Their runners never end. It is
//! pinned outside of the gather, and the gather polls it.

mod common;

use std::{
    cell::RefCell,
    collections::VecDeque,
    pin::pin,
    rc::Rc,
    task::{Context, Waker},
};

use embassy_net::{
    Config, IpEndpoint, Ipv4Address, Ipv4Cidr, Stack, StackResources, StaticConfigV4,
    driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken},
    udp::{BindError, PacketMetadata, RecvError, SendError, UdpSocket},
};
use embassy_time_driver::time_driver_impl;
use gather_cm::{EnterExt, gather};

use common::run;

/// A clock that stands still. Nothing is sent again in this test, so nobody waits for it.
struct Clock;

impl embassy_time_driver::Driver for Clock {
    fn now(&self) -> u64 {
        0
    }

    fn schedule_wake(&self, _: u64, _: &Waker) {}
}

time_driver_impl!(static CLOCK: Clock = Clock);

/// One direction of the wire.
#[derive(Default)]
struct Lane {
    packets: VecDeque<Vec<u8>>,
    reader: Option<Waker>,
}

#[derive(Clone)]
struct Device {
    incoming: Rc<RefCell<Lane>>,
    outgoing: Rc<RefCell<Lane>>,
}

struct Packet(Vec<u8>);

impl RxToken for Packet {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        f(&mut self.0)
    }
}

impl TxToken for Device {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        let mut lane = self.outgoing.borrow_mut();
        lane.packets.push_back(packet);
        lane.reader.take().into_iter().for_each(Waker::wake);
        result
    }
}

impl Driver for Device {
    type RxToken<'a> = Packet;
    type TxToken<'a> = Self;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Packet, Self)> {
        let mut lane = self.incoming.borrow_mut();
        lane.reader = Some(cx.waker().clone());
        lane.packets.pop_front().map(|packet| (Packet(packet), self.clone()))
    }

    fn transmit(&mut self, _: &mut Context<'_>) -> Option<Self> {
        Some(self.clone())
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = 1500;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ip
    }
}

#[derive(Debug)]
#[allow(dead_code)] // for `Debug`
enum Error {
    Bind(BindError),
    Send(SendError),
    Receive(RecvError),
}

const PORT: u16 = 7;
const ADDRESSES: [Ipv4Address; 2] = [Ipv4Address::new(10, 0, 0, 1), Ipv4Address::new(10, 0, 0, 2)];

fn config(address: Ipv4Address) -> Config {
    let address = Ipv4Cidr::new(address, 24);
    Config::ipv4_static(StaticConfigV4 { address, gateway: None, dns_servers: Default::default() })
}

/// Sends a packet from one stack to the other, and returns what has arrived.
async fn send(from: Stack<'_>, to: Stack<'_>, text: &[u8]) -> Result<Vec<u8>, Error> {
    let mut meta = [[PacketMetadata::EMPTY; 4]; 4];
    let mut data = [[0; 256]; 4];
    let [rx_meta, tx_meta, rx_meta_to, tx_meta_to] = &mut meta;
    let [rx, tx, rx_to, tx_to] = &mut data;
    let mut sender = UdpSocket::new(from, rx_meta, rx, tx_meta, tx);
    let mut receiver = UdpSocket::new(to, rx_meta_to, rx_to, tx_meta_to, tx_to);
    sender.bind(PORT).map_err(Error::Bind)?;
    receiver.bind(PORT).map_err(Error::Bind)?;
    let address = to.config_v4().map_or(ADDRESSES[0], |config| config.address.address());
    sender.send_to(text, IpEndpoint::new(address.into(), PORT)).await.map_err(Error::Send)?;
    let mut received = vec![0; 256];
    let (len, _) = receiver.recv_from(&mut received).await.map_err(Error::Receive)?;
    received.truncate(len);
    Ok(received)
}

#[test]
fn the_runners_of_two_stacks_are_driven() {
    let lanes = [(); 2].map(|()| Rc::<RefCell<Lane>>::default());
    let device = |n: usize| Device { incoming: lanes[n].clone(), outgoing: lanes[1 - n].clone() };
    let mut resources = [(); 2].map(|()| StackResources::<3>::new());
    let [first, second] = &mut resources;
    let (first, mut first_runner) = embassy_net::new(device(0), config(ADDRESSES[0]), first, 1);
    let (second, mut second_runner) = embassy_net::new(device(1), config(ADDRESSES[1]), second, 2);
    let (first_runner, second_runner) = (pin!(first_runner.run()), pin!(second_runner.run()));
    run(async {
        // This step of the enter needs the runner.
        let first = async { Ok((first, first_runner)) }.prepared(async |stack: &mut Stack<'_>| {
            stack.wait_config_up().await;
            Ok(())
        });
        let second = async { Ok((second, second_runner)) };
        gather((first.driven().drop_on_exit(), second.driven().drop_on_exit()))
            .with(async |(first, second)| {
                second.wait_config_up().await;
                assert_eq!(send(*first, *second, b"hello").await?, b"hello");
                assert_eq!(send(*second, *first, b"hello again").await?, b"hello again");
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
    });
}
