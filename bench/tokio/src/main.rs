// SPDX-License-Identifier: MIT
//
// main.rs - the cases of bench/c/micro.c on tokio's current-thread runtime, in the same amounts.
//
// `tokio-micro` prints a line per figure as the C programs do; `tokio-micro echo` is a server of the echo group: it
// prints its port and echoes what comes.

use std::future::{pending, Future};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

const RUNS: usize = 5;
const COUNT: usize = 100_000;
const YIELDERS: usize = 200;
const CAPACITY: usize = 128;
const BATCH: usize = 1000;

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, now: *mut Timespec) -> i32;
}

const CLOCK_THREAD_CPUTIME_ID: i32 = 3;

fn cpu_ns() -> i64 {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the structure is the kernel's timespec on 64-bit Linux, and lives for the call.
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.seconds * 1_000_000_000 + now.nanoseconds
}

// Each case is a task of its own: what block_on itself polls would go to the driver between any two steps.
fn measure<F>(rt: &tokio::runtime::Runtime, name: &str, count: usize, case: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let run = |count| rt.block_on(rt.spawn(case(count))).unwrap();
    run(count / 10 + 1);
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = cpu_ns();
            run(count);
            (cpu_ns() - start) as f64 / count as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    println!("{name}\t{:.2}", runs[RUNS / 2]);
}

async fn spawn_join(count: usize) {
    for _ in 0..count {
        tokio::spawn(async {}).await.unwrap();
    }
}

async fn spawn_batch(count: usize) {
    let mut tasks = Vec::with_capacity(BATCH);
    for _ in 0..count / BATCH {
        tasks.extend((0..BATCH).map(|_| tokio::spawn(async {})));
        for task in tasks.drain(..) {
            task.await.unwrap();
        }
    }
}

async fn yield_many(count: usize) {
    let tasks: Vec<_> = (0..YIELDERS)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..count / YIELDERS {
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn messages(count: usize) {
    let (sender, mut receiver) = mpsc::channel::<i64>(CAPACITY);
    let sending = tokio::spawn(async move {
        for i in 0..count {
            sender.send(i as i64).await.unwrap();
        }
    });
    for _ in 0..count {
        receiver.recv().await.unwrap();
    }
    sending.await.unwrap();
}

async fn one_value(count: usize) {
    for _ in 0..count {
        let (sender, receiver) = oneshot::channel::<i64>();
        sender.send(1).unwrap();
        receiver.await.unwrap();
    }
}

async fn timeout(count: usize) {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..count {
        let timeout = pin!(tokio::time::timeout(Duration::from_secs(10), pending::<()>()));
        assert!(matches!(timeout.poll(&mut cx), Poll::Pending));
    }
}

async fn echo_server() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let mut buffer = vec![0u8; 16384];
            while let Ok(size @ 1..) = socket.read(&mut buffer).await {
                if socket.write_all(&buffer[..size]).await.is_err() {
                    break;
                }
            }
        });
    }
}

fn main() {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::args().nth(1).as_deref() == Some("echo") {
        rt.block_on(echo_server());
        return;
    }
    measure(&rt, "spawn_join", COUNT, spawn_join);
    measure(&rt, "spawn_batch", COUNT, spawn_batch);
    measure(&rt, "yield", COUNT * 4, yield_many);
    measure(&rt, "channel", COUNT, messages);
    measure(&rt, "oneshot", COUNT, one_value);
    measure(&rt, "timeout", COUNT, timeout);
}
