//! One request and its answer, in order of time. It decides, over `http` types, and knows neither Pingora
//! nor a socket.

pub mod failure;
