//! What of a scenario never changes during a run: who there is, which partition is where, what each topic runs with. Made once,
//! shared by everybody.

use crate::config::{BrokerConfig, TopicConfig};
use crate::group::{self, assignor};
use crate::ids::*;
use crate::placement::admin::{self, Racks, Wanted};
use crate::placement::{Striped, Usable};
use crate::rng::Stream;
use crate::scenario::{Action, ClusterSpec, Intervention, Scenario, TopicSpec};
use crate::sort;
use std::sync::Arc;

/// A partition's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionLayout {
    /// `order-events-0`.
    pub name: String,
    /// Its topic; none for `__consumer_offsets` and `__transaction_state`.
    pub topic: Option<TopicId>,
    /// Its number in the topic.
    pub number: u32,
    /// The replicas in assignment order.
    pub replicas: Vec<BrokerId>,
    /// What the topic runs with.
    pub config: TopicConfig,
    /// min(min.insync.replicas, RF).
    pub min_isr: u32,
    /// P-23: not there from the start; an intervention adds it, if it comes to that.
    pub added: bool,
}

/// A consumer's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerLayout {
    /// Its group.
    pub group: GroupId,
    /// Its number in the group, from 0.
    pub member: u16,
}

/// The whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What is run.
    pub scenario: Arc<Scenario>,
    /// By [`PartitionId`]: the topics' partitions in order, then those of `__consumer_offsets` that a group maps to, then those of
    /// `__transaction_state`, then those that interventions add (P-23).
    pub partitions: Vec<PartitionLayout>,
    /// By [`TopicId`]: its partitions, with those that will be added.
    pub topics: Vec<Vec<PartitionId>>,
    /// By [`ConsumerId`].
    pub consumers: Vec<ConsumerLayout>,
    /// By [`GroupId`]: the partition of `__consumer_offsets` that keeps its offsets (G-30).
    pub coordinator_partitions: Vec<PartitionId>,
    /// By [`TransactionalId`].
    pub transactional_ids: Vec<TransactionalPlace>,
    /// By [`ProducerId`]: its transactional.id.
    pub producer_transactions: Vec<Option<TransactionalId>>,
    /// Consumers that forward, with their producers: one process each. In the order of both.
    pub forwarders: Vec<(ConsumerId, ProducerId)>,
}

/// A transactional.id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionalPlace {
    /// As the producers have it.
    pub name: String,
    /// The partition of `__transaction_state` that keeps its state.
    pub home: PartitionId,
}

impl Layout {
    /// Places everything.
    pub fn new(scenario: Arc<Scenario>) -> Layout {
        let mut layout = Layout {
            partitions: Vec::new(),
            topics: Vec::new(),
            consumers: Vec::new(),
            coordinator_partitions: Vec::new(),
            transactional_ids: Vec::new(),
            producer_transactions: Vec::new(),
            forwarders: Vec::new(),
            scenario: scenario.clone(),
        };
        for (topic_ix, topic) in scenario.topics.iter().enumerate() {
            let placed = topic.assignment.clone().unwrap_or_else(|| striped(&scenario, topic, (0, topic.partitions)));
            let mut ids = Vec::new();
            for (number, replicas) in placed.into_iter().enumerate() {
                let name = format!("{}-{number}", topic.name);
                ids.push(layout.push(name, Some(TopicId(topic_ix as u16)), number as u32, replicas, topic.config.clone()));
            }
            layout.topics.push(ids);
        }
        layout.place_groups();
        layout.place_transactions();
        layout.place_added();
        layout.forwarders = layout.find_forwarders();
        layout
    }

    fn push(
        &mut self,
        name: String,
        topic: Option<TopicId>,
        number: u32,
        replicas: Vec<BrokerId>,
        config: TopicConfig,
    ) -> PartitionId {
        let id = PartitionId(self.partitions.len() as u16);
        let min_isr = config.effective_min_isr(replicas.len());
        self.partitions.push(PartitionLayout { name, topic, number, replicas, config, min_isr, added: false });
        id
    }

    /// P-23: what the scenario's interventions will add, in the order in which they come. It has a place from the start and is there once
    /// the controller has written it down.
    fn place_added(&mut self) {
        let scenario = self.scenario.clone();
        let mut in_order: Vec<&Intervention> = scenario.interventions.iter().collect();
        sort::by_key(&mut in_order, |intervention| intervention.at);
        for intervention in in_order {
            let Action::AddPartitions { topic: id, total } = intervention.action else { continue };
            let topic = &scenario.topics[id.ix()];
            let first = self.topics[id.ix()].len() as u16;
            let placed = if first < total { striped(&scenario, topic, (first, total)) } else { Vec::new() };
            for (number, replicas) in (u32::from(first)..).zip(placed) {
                let name = format!("{}-{number}", topic.name);
                let added = self.push(name, Some(id), number, replicas, topic.config.clone());
                self.partitions[added.ix()].added = true;
                self.topics[id.ix()].push(added);
            }
        }
    }

    /// How many partitions a topic has when the run begins.
    pub fn partitions_at_start(&self, topic: TopicId) -> usize {
        self.topics[topic.ix()].iter().filter(|p| !self.partition(**p).added).count()
    }

    /// Has every partition a place that this would add?
    pub fn has_room_for(&self, action: &Action) -> bool {
        match *action {
            Action::AddPartitions { topic, total } => self.topics[topic.ix()].len() >= usize::from(total),
            _ => true,
        }
    }

    fn place_groups(&mut self) {
        let scenario = self.scenario.clone();
        let broker = &scenario.cluster.config;
        for (group_ix, spec) in scenario.groups.iter().enumerate() {
            let number = group::coordinator_partition(&spec.name, broker.offsets_topic_num_partitions);
            let existing = self.partitions.iter().position(|p| p.topic.is_none() && p.number == number);
            let home = existing.map_or_else(
                || {
                    let rf = broker.offsets_topic_replication_factor.min(scenario.cluster.brokers);
                    let replicas = of_internal_topic(&scenario.cluster, number, rf);
                    let config = offsets_topic(broker, rf);
                    self.push(format!("__consumer_offsets-{number}"), None, number, replicas, config)
                },
                |at| PartitionId(at as u16),
            );
            self.coordinator_partitions.push(home);
            let member = |member: u16| ConsumerLayout { group: GroupId(group_ix as u16), member };
            self.consumers.extend((0..spec.members).map(member));
        }
    }

    fn find_forwarders(&self) -> Vec<(ConsumerId, ProducerId)> {
        let consumers = (0..self.consumers.len() as u16).map(ConsumerId);
        let forwarders: Vec<_> = consumers.filter_map(|id| Some((id, self.producer_in(id)?))).collect();
        assert!(forwarders.is_sorted_by_key(|(_, producer)| *producer), "their producers are made in the order of the groups");
        forwarders
    }

    /// The producer in the process of a member that forwards.
    fn producer_in(&self, consumer: ConsumerId) -> Option<ProducerId> {
        let place = &self.consumers[consumer.ix()];
        let forward = self.scenario.groups[place.group.ix()].forward.as_ref()?;
        Some(ProducerId(forward.first.0 + place.member))
    }

    /// Whose business a member does: its own group's, or that of the group that it works for.
    pub fn business_of(&self, consumer: ConsumerId) -> GroupId {
        self.business(self.consumers[consumer.ix()].group)
    }

    /// Whose business a group does.
    pub fn business(&self, group: GroupId) -> GroupId {
        self.scenario.groups[group.ix()].works_for.unwrap_or(group)
    }

    /// The groups that do this group's business: itself, and those that work for it.
    pub fn doing_business_of(&self, group: GroupId) -> impl Iterator<Item = GroupId> + '_ {
        (0..self.scenario.groups.len() as u16).map(GroupId).filter(move |&other| self.business(other) == group)
    }

    /// The process of a forwarding member, of which this node is one half.
    #[inline]
    pub fn forwarder(&self, node: NodeId) -> Option<(ConsumerId, ProducerId)> {
        match node {
            NodeId::Consumer(id) => self.producer_in(id).map(|producer| (id, producer)),
            NodeId::Producer(id) if self.scenario.producers[id.ix()].feeder.is_some() => {
                let found = self.forwarders.binary_search_by_key(&id, |(_, producer)| *producer);
                found.ok().map(|at| self.forwarders[at])
            }
            _ => None,
        }
    }

    /// The other half.
    pub fn companion(&self, node: NodeId) -> Option<NodeId> {
        let (consumer, producer) = self.forwarder(node)?;
        Some(if let NodeId::Consumer(_) = node { NodeId::Producer(producer) } else { NodeId::Consumer(consumer) })
    }

    /// Does what is sent to the one topic come to the other, forwarded or not?
    pub fn reaches(&self, from: TopicId, to: TopicId) -> bool {
        // A scenario whose forwards go in a circle is refused.
        let onward = |g: &crate::scenario::GroupSpec| g.forward.filter(|_| g.topics.contains(&from)).map(|f| f.topic);
        from == to || self.scenario.groups.iter().filter_map(onward).any(|next| self.reaches(next, to))
    }

    /// only those partitions of `__transaction_state` exist that some transactional.id hashes to.
    fn place_transactions(&mut self) {
        let scenario = self.scenario.clone();
        let broker = &scenario.cluster.config;
        for spec in &scenario.producers {
            let Some(name) = spec.config.transactional_id.clone() else {
                self.producer_transactions.push(None);
                continue;
            };
            let known = self.transactional_ids.iter().position(|t| t.name == name);
            let id = known.unwrap_or(self.transactional_ids.len());
            self.producer_transactions.push(Some(TransactionalId(id as u16)));
            if known.is_some() {
                continue;
            }
            let number = group::coordinator_partition(&name, broker.transaction_topic_num_partitions);
            let topic = format!("__transaction_state-{number}");
            let home = self.partitions.iter().position(|p| p.name == topic).map_or_else(
                || {
                    let rf = broker.transaction_topic_replication_factor.min(scenario.cluster.brokers);
                    let replicas = of_internal_topic(&scenario.cluster, number, rf);
                    let min_insync_replicas = broker.transaction_topic_min_isr;
                    let config = TopicConfig { replication_factor: rf, min_insync_replicas, ..broker.topic_defaults.clone() };
                    self.push(topic.clone(), None, number, replicas, config)
                },
                |at| PartitionId(at as u16),
            );
            self.transactional_ids.push(TransactionalPlace { name, home });
        }
    }

    /// The rack of a broker, if it has one (F-6).
    pub fn rack(&self, broker: BrokerId) -> Option<RackId> {
        self.rack_named(self.scenario.cluster.racks.get(broker.slot())?)
    }

    /// The rack with this name: the position of the first broker in it.
    pub fn rack_named(&self, name: &str) -> Option<RackId> {
        let at = self.scenario.cluster.racks.iter().position(|rack| rack == name)?;
        Some(RackId(at as u16))
    }

    /// The topics as assignors see them, by [`TopicId`], with the partitions that whoever assigns knows of.
    pub fn assignor_topics(&self, is_known: impl Fn(PartitionId) -> bool) -> Vec<assignor::Topic> {
        let known = |ids: &Vec<PartitionId>| ids.iter().copied().filter(|&p| is_known(p)).collect();
        let topics = self.scenario.topics.iter().zip(&self.topics);
        topics.map(|(spec, ids)| assignor::Topic { name: spec.name.clone(), partitions: known(ids) }).collect()
    }

    /// The config of a partition's topic.
    pub fn partition(&self, id: PartitionId) -> &PartitionLayout {
        &self.partitions[id.ix()]
    }

    /// Every partition's id.
    pub fn partition_ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.partitions.len() as u16).map(PartitionId)
    }

    /// Every broker's id.
    pub fn broker_ids(&self) -> impl Iterator<Item = BrokerId> + use<> {
        (1..=self.scenario.cluster.brokers).map(BrokerId)
    }

    /// Every controller's id.
    pub fn controller_ids(&self) -> impl Iterator<Item = ControllerId> + use<> {
        (1..=self.scenario.cluster.controllers).map(ControllerId)
    }

    /// How many nodes there are of each kind.
    pub fn slots(&self) -> Slots {
        Slots {
            controllers: self.scenario.cluster.controllers,
            brokers: self.scenario.cluster.brokers,
            producers: self.scenario.producers.len() as u16,
            consumers: self.consumers.len() as u16,
            stores: if self.stores().next().is_some() { StoreId::ALL.len() as u16 } else { 0 },
        }
    }

    /// Redis, the database and the service, if somebody asks them.
    pub fn stores(&self) -> impl Iterator<Item = StoreId> + use<> {
        self.scenario.stores()
    }

    /// Every node there is: controllers, brokers, producers, consumers, stores.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        let others = self.slots().nodes().filter(|node| !matches!(node, NodeId::Store(_)));
        others.chain(self.stores().map(NodeId::Store))
    }

    /// A `member.id` as assignors see it: Kafka begins it with the client's id and goes on with random characters; here members of a
    /// group are in the order of their numbers.
    pub fn member_name(&self, member: MemberId) -> String {
        format!("{:05}-{:010}", self.consumers[member.consumer.ix()].member, member.serial)
    }

    /// How a node is called in texts.
    pub fn node_name(&self, node: NodeId) -> String {
        match node {
            NodeId::Controller(_) | NodeId::Broker(_) | NodeId::Store(_) => node.to_string(),
            NodeId::Producer(id) => self.scenario.producers[id.ix()].name.clone(),
            NodeId::Consumer(id) => {
                let consumer = &self.consumers[id.ix()];
                format!("{} member {}", self.scenario.groups[consumer.group.ix()].name, consumer.member + 1)
            }
        }
    }
}

/// What Kafka makes its topic of committed offsets with: it is compacted, and its files are smaller.
fn offsets_topic(broker: &BrokerConfig, replication_factor: u16) -> TopicConfig {
    let mut config = TopicConfig { replication_factor, ..broker.topic_defaults.clone() };
    (config.log.compact, config.log.delete) = (true, false);
    config.log.segment_bytes = broker.offsets_segment_bytes;
    config
}

/// C-20: the replicas of new partitions of a topic, from one number up to another. The random start is the topic's own, and another each
/// time.
fn striped(scenario: &Scenario, topic: &TopicSpec, (first, end): (u16, u16)) -> Vec<Vec<BrokerId>> {
    let cluster = &scenario.cluster;
    let usable = |slot: usize| Usable { id: BrokerId::from_slot(slot), rack: cluster.racks.get(slot).cloned(), fenced: false };
    let brokers: Vec<Usable> = (0..usize::from(cluster.brokers)).map(usable).collect();
    let label = if first == 0 { format!("placement {}", topic.name) } else { format!("placement {} from {first}", topic.name) };
    let mut stream = Stream::new(scenario.seed, &label);
    let mut below = |bound: u32| stream.below(u64::from(bound)) as u32;
    let mut striped = Striped::new(&brokers, &mut below);
    let factor = u32::from(topic.config.replication_factor);
    (first..end).map(|_| striped.place(factor, &mut below).expect("the scenario has been checked")).collect()
}

/// The replicas of a partition of Kafka's own topics: by C-21 from broker 1 on, so that who writes a scenario can know its coordinators.
fn of_internal_topic(cluster: &ClusterSpec, number: u32, factor: u16) -> Vec<BrokerId> {
    let brokers: Vec<BrokerId> = (1..=cluster.brokers).map(BrokerId).collect();
    let racks: Racks = brokers.iter().copied().zip(cluster.racks.iter().cloned()).collect();
    let wanted = Wanted { partitions: number + 1, factor: u32::from(factor), start: 0, first_partition: 0 };
    let placed = admin::assign(&brokers, &racks, wanted).expect("the scenario has been checked");
    placed.into_iter().next_back().expect("one more than its number")
}
