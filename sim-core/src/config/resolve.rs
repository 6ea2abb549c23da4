//! Properties to typed configuration, with Kafka's cross-property rules (P-1..P-5).
