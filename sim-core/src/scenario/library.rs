//! The scenarios that come with brokerscope, compiled in so that page and command line share them.
