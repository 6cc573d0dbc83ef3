//! Members whose values are no resources. Each shape has a type of its own, since rustc reports each type once.
use gather_cm::gather;

struct Plain;
struct InArray;
struct InVec;

async fn plain() -> Result<Plain, String> {
    Ok(Plain)
}

async fn in_array() -> Result<InArray, String> {
    Ok(InArray)
}

async fn in_vec() -> Result<InVec, String> {
    Ok(InVec)
}

fn main() {
    let _ = gather((plain(), plain())).with(async |(_a, _b)| Ok(()));
    let _ = gather([in_array(), in_array()]).with(async |_| Ok(()));
    let _ = gather(vec![in_vec(), in_vec()]).with(async |_| Ok(()));
}
