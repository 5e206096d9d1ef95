//! Who sleeps, as far as the messages tell.
//!
//! A client sleeps from its request to the answer: it is inside a system call. Requests without a process
//! (RELEASE, FORGET) are the kernel's own, and nobody waits for them. Before INIT is answered, every client
//! waits.
//!
//! The server sleeps in `read(2)` whenever the next thing it says or hears is a request. Notifications do not
//! count: another thread sends them.

use kernel_tests::conversation::Event;

/// Who sleeps after an event, until the next.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Asleep {
    /// A place for each of the most clients that sleep at once.
    pub clients: Vec<Option<Nap>>,
    /// The server.
    pub server: Option<Nap>,
}

/// Somebody's sleep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nap {
    /// Does it begin with this event?
    pub begins: bool,
    /// Who sleeps, and until when, in words.
    pub until: String,
}

/// A client that sleeps.
struct Sleeper {
    /// None: one that could not even ask.
    process: Option<u32>,
    /// The requests without which it does not go on.
    waits_for: Vec<u64>,
    nap: Nap,
}

/// Who sleeps after each event.
pub fn asleep(events: &[Event]) -> Vec<Asleep> {
    let mut places: Vec<Option<Sleeper>> = Vec::new();
    let mut init: Option<u64> = None;
    let mut all = Vec::new();
    for (n, event) in events.iter().enumerate() {
        places.iter_mut().flatten().for_each(|sleeper| sleeper.nap.begins = false);
        match event {
            Event::Request(request) => {
                if request.line.contains(" INIT(") {
                    init = Some(request.number);
                }
                if request.process > 0 && request.wants_answer() {
                    asks(&mut places, request.process, request.number, until(events, n));
                }
            }
            Event::Reply(reply) => {
                init = init.filter(|init| *init != reply.number);
                for place in &mut places {
                    if let Some(sleeper) = place {
                        sleeper.waits_for.retain(|number| *number != reply.number);
                        if sleeper.process.is_some() && sleeper.waits_for.is_empty() {
                            *place = None;
                        }
                    }
                }
            }
            Event::Command(_) if init.is_some() => {
                let until = "the client sleeps: INIT has no answer".to_owned();
                let nap = Nap { begins: true, until };
                put(&mut places, Sleeper { process: None, waits_for: vec![], nap });
            }
            Event::Printed(_) => {
                let stuck = |it: &Option<Sleeper>| it.as_ref().is_some_and(|s| s.process.is_none());
                places.iter_mut().filter(|place| stuck(place)).for_each(|place| *place = None);
            }
            _ => {}
        }
        let clients = places.iter().map(|place| place.as_ref().map(|s| s.nap.clone())).collect();
        all.push(Asleep { clients, server: None });
    }
    // As many places in each row.
    let width = places.len();
    all.iter_mut().for_each(|asleep| asleep.clients.resize(width, None));
    for n in 0..events.len() {
        let nap = server(events, n);
        let slept = n > 0 && server(events, n - 1).is_some();
        let woken = matches!(events[n], Event::Request(_));
        all[n].server = nap.map(|until| Nap { begins: !slept || woken, until });
    }
    all
}

/// A process asks. It may ask more than one thing before it sleeps.
fn asks(places: &mut Vec<Option<Sleeper>>, process: u32, number: u64, until: String) {
    let place = places.iter_mut().flatten().find(|sleeper| sleeper.process == Some(process));
    match place {
        Some(sleeper) => sleeper.waits_for.push(number),
        None => {
            let until = format!("process {process} sleeps {until}");
            let nap = Nap { begins: true, until };
            put(places, Sleeper { process: Some(process), waits_for: vec![number], nap });
        }
    }
}

/// Into the first place that is free.
fn put(places: &mut Vec<Option<Sleeper>>, sleeper: Sleeper) {
    match places.iter_mut().find(|place| place.is_none()) {
        Some(place) => *place = Some(sleeper),
        None => places.push(Some(sleeper)),
    }
}

/// Until when sleeps who asks this?
fn until(events: &[Event], request: usize) -> String {
    let Some(asked) = events[request].message() else { return String::new() };
    let is_answer = |e: &&Event| matches!(e, Event::Reply(reply) if reply.number == asked.number);
    match events[request..].iter().find(is_answer) {
        Some(_) => format!("until #{} is answered", asked.number),
        None => format!("for ever: #{} is not answered", asked.number),
    }
}

/// Does the server sleep after this event, and until when?
fn server(events: &[Event], after: usize) -> Option<String> {
    let heard = events[after + 1..].iter().find_map(|event| match event {
        Event::Request(request) => Some(Some(request.number)),
        Event::Reply(_) => Some(None),
        _ => None,
    });
    heard.flatten().map(|number| format!("the server sleeps in read(2) until #{number} comes"))
}
