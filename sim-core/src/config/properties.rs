//! The table of Kafka's property names.
