//! Slice pin projection: one of two files with `unsafe`.
#![allow(unsafe_code)]

use core::pin::Pin;

/// Returns the element at `index`, pinned as the slice is.
///
/// # Panics
///
/// It panics if `index` is out of bounds.
pub(crate) fn element<T>(slice: Pin<&mut [T]>, index: usize) -> Pin<&mut T> {
    // SAFETY: the elements of a pinned slice are pinned along with it. Nothing is moved out of the reference here, and
    // the owner of the pinned slice cannot move an element: `Pin<&mut [T]>` returns no `&mut [T]` if `T: !Unpin`, and a
    // slice has no `Drop` of its own.
    unsafe { slice.map_unchecked_mut(|slice| &mut slice[index]) }
}

/// Returns the length of the slice. It makes no shared reference to the slice, because that would cover futures that
/// borrow from themselves.
#[cfg(feature = "alloc")]
pub(crate) fn len<T>(slice: Pin<&mut [T]>) -> usize {
    // SAFETY: nothing is moved out of the reference. Only the length is read, which is beside the pointer.
    let slice: *mut [T] = unsafe { slice.get_unchecked_mut() };
    slice.len()
}

/// Returns the array as a slice, pinned as the array is.
pub(crate) fn array_as_slice<T, const N: usize>(array: Pin<&mut [T; N]>) -> Pin<&mut [T]> {
    // SAFETY: this is only unsizing. The slice is the same memory as the array, and nothing is moved.
    unsafe { array.map_unchecked_mut(|array| array as &mut [T]) }
}
