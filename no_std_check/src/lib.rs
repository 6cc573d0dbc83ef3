//! What the images share: the board, its devices, and what is held to be right.
#![no_std]

pub mod board;
pub mod devices;
pub mod say;
pub mod size;
