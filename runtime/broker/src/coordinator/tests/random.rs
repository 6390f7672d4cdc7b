//! Random lives of a group: whatever members do and however time passes, its promises hold.

use proptest::prelude::*;

use super::*;

/// What happens next; members are meant by their place among those that ever joined.
#[derive(Clone, Debug)]
enum Event {
    Join {
        two_phase: bool,
        instance: Option<u8>,
        offers: u8,
    },
    Rejoin(usize),
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    Commit(usize),
    Pass(u64),
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let place = 0_usize..12;
    prop_oneof![
        3 => (any::<bool>(), proptest::option::of(0_u8..3), 0_u8..3)
            .prop_map(|(two_phase, instance, offers)| Event::Join { two_phase, instance, offers }),
        6 => place.clone().prop_map(Event::Rejoin),
        6 => place.clone().prop_map(Event::Sync),
        4 => place.clone().prop_map(Event::Heartbeat),
        1 => place.clone().prop_map(Event::Leave),
        1 => place.prop_map(Event::Commit),
        3 => (1_u64..20_000).prop_map(Event::Pass),
        1 => Just(Event::Restart),
    ]
}

/// A client as it sees itself.
#[derive(Clone, Debug)]
struct Client {
    request: JoinRequest,
    generation: i32,
    pending: Option<Ticket>,
}

struct Life {
    bench: Bench,
    clients: Vec<Client>,
    generation_seen: i32,
    leaders: BTreeMap<i32, String>,
}

impl Life {
    fn client(&mut self, place: usize) -> Option<usize> {
        (!self.clients.is_empty()).then(|| place % self.clients.len())
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Join {
                two_phase,
                instance,
                offers,
            } => {
                let request = JoinRequest {
                    two_phase,
                    instance_id: instance.map(|number| format!("i{number}")),
                    protocols: protocols(
                        [&["range"][..], &["range", "sticky"], &["sticky", "range"]]
                            [offers as usize],
                    ),
                    ..dynamic()
                };
                self.send_join(request, None);
            }
            Event::Rejoin(place) => {
                if let Some(index) = self.client(place) {
                    self.send_join(self.clients[index].request.clone(), Some(index));
                }
            }
            Event::Sync(place) => self.send_sync(place),
            Event::Heartbeat(place) => {
                if let Some(index) = self.client(place) {
                    let client = self.clients[index].clone();
                    self.bench
                        .heartbeat_as(&name(&client), client.generation)
                        .ok();
                }
            }
            Event::Leave(place) => {
                if let Some(index) = self.client(place) {
                    let client = self.clients.remove(index);
                    self.bench.leave(&[name(&client)]);
                }
            }
            Event::Commit(place) => {
                if let Some(index) = self.client(place) {
                    let client = self.clients[index].clone();
                    self.bench
                        .commit_to(GROUP, commit(name(&client), client.generation, 1))
                        .ok();
                }
            }
            Event::Pass(ms) => self.bench.pass(Duration::from_millis(ms)),
            Event::Restart => {
                let tickets = self.bench.tickets;
                self.bench = Bench {
                    tickets,
                    log: self.bench.log.clone(),
                    ..self.bench.restarted()
                };
                // A generation that was not stored may be given anew, to other members.
                let stored = self.bench.groups.get(GROUP).map_or(0, Group::generation);
                self.generation_seen = stored;
                self.leaders.retain(|generation, _| *generation <= stored);
                self.clients
                    .iter_mut()
                    .for_each(|client| client.pending = None);
            }
        }
        self.collect();
    }

    fn send_join(&mut self, request: JoinRequest, index: Option<usize>) {
        let ticket = self.bench.join(request.clone());
        match index {
            Some(index) => self.clients[index].pending = Some(ticket),
            None => self.clients.push(Client {
                request,
                generation: -1,
                pending: Some(ticket),
            }),
        }
    }

    fn send_sync(&mut self, place: usize) {
        let Some(index) = self.client(place) else {
            return;
        };
        let client = self.clients[index].clone();
        self.bench.sync(SyncRequest {
            member: name(&client),
            protocol: None,
            assignments: BTreeMap::from([(
                client.request.member_id.clone(),
                Bytes::from_static(b"x"),
            )]),
            ..sync(&client.request.member_id, client.generation)
        });
    }

    /// Clients read the answers that came.
    fn collect(&mut self) {
        for client in &mut self.clients {
            let Some(Answer::Join(answer)) = client
                .pending
                .and_then(|ticket| self.bench.answers.get(&ticket))
            else {
                continue;
            };
            client.pending = None;
            client.request.member_id.clone_from(&answer.member_id);
            match answer.outcome {
                Ok(()) => {
                    client.generation = answer.generation;
                    assert!(
                        answer.generation >= self.generation_seen,
                        "generations never go back"
                    );
                    self.generation_seen = answer.generation;
                    let leader = self
                        .leaders
                        .entry(answer.generation)
                        .or_insert_with(|| answer.leader.clone());
                    if answer
                        .members
                        .iter()
                        .any(|member| member.member_id == answer.member_id)
                        && !answer.skip_assignment
                    {
                        assert_eq!(leader, &answer.leader, "one leader a generation");
                    }
                }
                Err(ErrorCode::MEMBER_ID_REQUIRED | ErrorCode::REBALANCE_IN_PROGRESS) => {}
                Err(_) => client.request.member_id.clear(),
            }
        }
        self.check();
    }

    fn check(&self) {
        let Some(group) = self.bench.groups.get(GROUP) else {
            return;
        };
        let members: Vec<_> = group.members().collect();
        let ids: BTreeSet<_> = members.iter().map(|member| &member.id).collect();
        assert_eq!(ids.len(), members.len(), "ids are unique");
        let instances: Vec<_> = members
            .iter()
            .filter_map(|member| member.instance_id.as_ref())
            .collect();
        assert_eq!(
            instances.iter().collect::<BTreeSet<_>>().len(),
            instances.len(),
            "instances are unique"
        );
        match group.state() {
            State::Empty => assert!(members.is_empty()),
            State::PreparingRebalance => {
                assert!(members.iter().all(|member| member.sync.is_none()))
            }
            State::CompletingRebalance | State::Stable => {
                assert!(!members.is_empty() && group.protocol().is_some());
                assert!(members.iter().all(|member| member.join.is_none()));
                assert!(
                    group.state() != State::Stable
                        || members.iter().all(|member| member.sync.is_none())
                );
            }
        }
        let held: BTreeSet<Ticket> = members
            .iter()
            .flat_map(|member| member.join.into_iter().chain(member.sync))
            .collect();
        assert_eq!(
            held, self.bench.waiting,
            "every request that waits is held by a member"
        );
        if !members.is_empty() {
            assert!(
                self.bench.groups.deadline(GROUP).is_some(),
                "someone looks after the members"
            );
        }
    }
}

fn name(client: &Client) -> MemberRef {
    MemberRef {
        member_id: client.request.member_id.clone(),
        instance_id: client.request.instance_id.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_group_keeps_its_promises(events in proptest::collection::vec(event(), 1..120), delay in 0_u64..4) {
        let mut life = Life {
            bench: Bench::new(),
            clients: Vec::new(),
            generation_seen: 0,
            leaders: BTreeMap::new(),
        };
        life.bench.settings.initial_rebalance_delay = Duration::from_secs(delay);
        for event in &events {
            life.happen(event);
        }
        // Left alone, everyone who waits is answered and everyone is lost in the end.
        life.bench.pass(Duration::from_secs(1_000));
        prop_assert!(life.bench.waiting.is_empty());
        prop_assert!(life.bench.groups.get(GROUP).is_none_or(|group| group.members().count() == 0));
    }
}
