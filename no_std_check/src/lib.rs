//! The parts that the images share: the board, its devices, and the results that each image must have.
#![no_std]

pub mod board;
pub mod devices;
pub mod say;
pub mod size;
