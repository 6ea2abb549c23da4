use super::*;

fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn nothing_set_gives_kafkas_defaults() {
    assert_eq!(producer(&Props::new()).unwrap(), ProducerConfig::kafka_defaults());
    assert_eq!(consumer(&Props::new()).unwrap(), ConsumerConfig::kafka_defaults());
    let brokers = broker(&Props::new()).unwrap();
    assert_eq!(brokers, BrokerConfig::kafka_defaults());
    assert_eq!(topic(&Props::new(), &brokers).unwrap(), TopicConfig::kafka_defaults());
}

/// P-1, P-2, P-3, P-5: what `enable.idempotence` and `acks` become, or which property is refused.
#[test]
fn idempotence_is_resolved_as_kafka_does() {
    type Case = (&'static [(&'static str, &'static str)], Result<(bool, Acks), &'static str>);
    let cases: &[Case] = &[
        (&[], Ok((true, Acks::All))),
        (&[("acks", "-1")], Ok((true, Acks::All))),
        (&[("acks", "1")], Ok((false, Acks::Leader))),
        (&[("acks", "0")], Ok((false, Acks::None))),
        (&[("retries", "0")], Ok((false, Acks::All))),
        (&[("acks", "all"), ("enable.idempotence", "false")], Ok((false, Acks::All))),
        (&[("acks", "1"), ("enable.idempotence", "true")], Err("acks")),
        (&[("retries", "0"), ("enable.idempotence", "true")], Err("retries")),
        (&[("max.in.flight.requests.per.connection", "6")], Err("max.in.flight.requests.per.connection")),
        (&[("max.in.flight.requests.per.connection", "6"), ("enable.idempotence", "false")], Ok((false, Acks::All))),
        (&[("transactional.id", "t")], Ok((true, Acks::All))),
        (&[("transactional.id", "t"), ("enable.idempotence", "false")], Err("transactional.id")),
        (&[("transactional.id", "t"), ("acks", "0")], Err("acks")),
        (&[("transactional.id", "t"), ("acks", "0"), ("enable.idempotence", "false")], Err("transactional.id")),
        (
            &[("transactional.id", "t"), ("max.in.flight.requests.per.connection", "6")],
            Err("max.in.flight.requests.per.connection"),
        ),
        (
            &[("transactional.id", "t"), ("max.in.flight.requests.per.connection", "5"), ("enable.idempotence", "false")],
            Err("transactional.id"),
        ),
        (&[("transactional.id", "t"), ("retries", "0")], Err("retries")),
        (&[("transactional.id", "t"), ("retries", "0"), ("enable.idempotence", "false")], Err("transactional.id")),
    ];
    for (given, expected) in cases {
        let resolved = producer(&props(given)).map(|c| (c.enable_idempotence, c.acks)).map_err(|e| e.property().to_owned());
        assert_eq!(resolved, expected.map_err(str::to_owned), "{given:?}");
    }
}

/// P-4.
#[test]
fn delivery_timeout_covers_linger_and_a_request() {
    let raised = producer(&props(&[("request.timeout.ms", "200000")])).unwrap();
    assert_eq!(raised.delivery_timeout, SimDuration::from_millis(200_005));
    let refused = producer(&props(&[("request.timeout.ms", "200000"), ("delivery.timeout.ms", "120000")])).unwrap_err();
    assert_eq!(refused.message(), "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms");
    let saturated = producer(&props(&[("linger.ms", "9223372036854775807")])).unwrap();
    assert_eq!(saturated.delivery_timeout, SimDuration::from_millis(2_147_483_647));
}

#[test]
fn refusals_are_in_kafkas_words() {
    for (given, message) in [
        (("acks", "2"), "Invalid value 2 for configuration acks: String must be one of: all, -1, 0, 1"),
        (("retries", "-1"), "Invalid value -1 for configuration retries: Value must be at least 0"),
        (("retries", "many"), "Invalid value many for configuration retries: Not a number of type INT"),
        (("retries", "2147483648"), "Invalid value 2147483648 for configuration retries: Not a number of type INT"),
        (("linger.ms", "5ms"), "Invalid value 5ms for configuration linger.ms: Not a number of type LONG"),
        (
            ("enable.idempotence", "yes"),
            "Invalid value yes for configuration enable.idempotence: Expected value to be either true or false",
        ),
        (("transactional.id", " "), "Invalid value  for configuration transactional.id: String must be non-empty"),
        (
            ("compression.type", "rar"),
            "Invalid value rar for configuration compression.type: String must be one of: none, gzip, snappy, lz4, zstd",
        ),
    ] {
        assert_eq!(producer(&props(&[given])).unwrap_err().message(), message);
    }
    let reset = consumer(&props(&[("auto.offset.reset", "first")])).unwrap_err();
    assert!(reset.message().starts_with("Invalid value first for configuration auto.offset.reset"), "{reset}");
    let wait = broker(&props(&[("replica.fetch.wait.max.ms", "40000"), ("replica.socket.timeout.ms", "50000")])).unwrap_err();
    assert_eq!(wait.property(), "replica.lag.time.max.ms");
}

#[test]
fn a_topic_inherits_from_the_brokers() {
    let brokers =
        broker(&props(&[("min.insync.replicas", "2"), ("default.replication.factor", "3"), ("log.flush.interval.ms", "50")]))
            .unwrap();
    let inherited = topic(&Props::new(), &brokers).unwrap();
    assert_eq!((inherited.replication_factor, inherited.min_insync_replicas), (3, 2));
    assert_eq!(inherited.log.flush_interval, Some(SimDuration::from_millis(50)));
    let own = topic(&props(&[("min.insync.replicas", "1"), ("flush.ms", "9223372036854775807")]), &brokers).unwrap();
    assert_eq!((own.min_insync_replicas, own.log.flush_interval), (1, None));
}

#[test]
fn only_the_start_of_the_reconnect_backoff() {
    let constant = producer(&props(&[("reconnect.backoff.ms", "200")])).unwrap();
    assert_eq!(constant.reconnect_backoff_max, SimDuration::from_millis(200));
}
