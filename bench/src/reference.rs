//! What the budgets are compared with: an event loop that does nothing, and a simulator of networks that does much.

use anyhow::{Result, anyhow};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use turmoil::net::UdpSocket;

/// Enough turns for a fifth of a second.
const TURNS: u64 = 4_000_000;

/// The events that the empty loop holds at any time.
const PENDING: u64 = 256;

/// Datagrams in flight from one client when turmoil is at its best: more make it no faster, fewer make it wait for its clock.
pub const WINDOW: u32 = 512;

/// Datagrams that are echoed in one measurement.
const ECHOES: u32 = 32_768;

/// Pops the earliest event and pushes another, and does nothing else.
pub fn empty_events_per_second() -> f64 {
    let mut queue: BinaryHeap<Reverse<(u64, u64)>> = (0..PENDING).map(|number| Reverse((number, number))).collect();
    let (mut sequence, mut random) = (PENDING, 1_u64);
    let started = Instant::now();
    for _ in 0..TURNS {
        let Some(Reverse((now, _))) = queue.pop() else { break };
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        queue.push(Reverse((now + 1 + (random >> 54), sequence)));
        sequence += 1;
    }
    black_box(queue.len());
    TURNS as f64 / started.elapsed().as_secs_f64()
}

/// So many hosts send datagrams, each so many before it waits for them; another sends each back: two messages each.
pub fn turmoil_messages_per_second(clients: u32, window: u32) -> Result<f64> {
    let mut simulation = turmoil::Builder::new()
        .rng_seed(7)
        .simulation_duration(Duration::from_secs(3600))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(2))
        .udp_capacity(4096)
        .build();
    simulation.host("server", || async {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 7)).await?;
        let mut bytes = [0; 64];
        loop {
            let (length, from) = socket.recv_from(&mut bytes).await?;
            socket.send_to(&bytes[..length], from).await?;
        }
    });
    for number in 0..clients {
        simulation.client(format!("client-{number}"), async move {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 8)).await?;
            let server = (turmoil::lookup("server"), 7);
            let mut bytes = [0; 64];
            for _ in 0..ECHOES / clients / window {
                for _ in 0..window {
                    socket.send_to(b"a record of a usual size, with a key", server).await?;
                }
                for _ in 0..window {
                    socket.recv_from(&mut bytes).await?;
                }
            }
            Ok(())
        });
    }
    let started = Instant::now();
    simulation.run().map_err(|error| anyhow!("turmoil's simulation failed: {error}"))?;
    Ok(f64::from(2 * ECHOES) / started.elapsed().as_secs_f64())
}
