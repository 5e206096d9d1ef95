//! What the program does: into the background, open, mount, agree, serve.

use std::time::Duration;

use anyhow::Context;
use fuse714::abi::InitFlags;
use fuse714::{
    Agreed, Background, Files, Memfs, Mirror, MountOptions, ServeOptions, background, mount,
    raise_descriptor_limit,
};

use crate::arguments::{self, Common};

/// A directory in another place.
pub fn mirror(arguments: &arguments::Mirror) -> anyhow::Result<()> {
    let arguments::Mirror { source, valid, common } = arguments;
    let options = common.mount_options(&source.to_string_lossy())?;
    let background = to_background(common)?;
    raise_descriptor_limit().context("cannot raise the number of descriptors")?;
    let valid = Duration::from_secs((*valid).into());
    let mirror = Files(Mirror::open(source, &common.mountpoint, valid)?);

    let agreed = start(common, &options, &common.serve_options(), background)?;
    let path = agreed.path().display();
    println!(
        "Mounted, strategy {}. Look inside: diff -r {} {path}",
        agreed.strategy(),
        source.display()
    );
    let served = agreed.serve(&mirror)?;
    let left = mirror.0.counters();
    println!("Unmounted. Let go: nodes {}, handles {}.", left.nodes, left.handles);
    println!("Answers: {}.", served.counts());
    Ok(())
}

/// A directory in memory.
pub fn mem(arguments: &arguments::Mem) -> anyhow::Result<()> {
    let arguments::Mem { size, common } = arguments;
    let options = common.mount_options("mem")?;
    let background = to_background(common)?;
    let memfs = Files(Memfs::new(*size));

    let mut serving = common.serve_options();
    serving.wishes.flags |= InitFlags::ATOMIC_O_TRUNC;
    let agreed = start(common, &options, &serving, background)?;
    let path = agreed.path().display();
    println!("Mounted. Look inside from another terminal: cp -r /etc {path}; ls {path}; df {path}");
    let served = agreed.serve(&memfs)?;
    let left = memfs.0.counters();
    println!("Unmounted. All is gone: nodes {}, blocks {}.", left.nodes, left.blocks);
    println!("Answers: {}.", served.counts());
    Ok(())
}

fn to_background(common: &Common) -> anyhow::Result<Option<Background>> {
    if common.is_foreground() { Ok(None) } else { Ok(Some(background()?)) }
}

/// Mounts and agrees. What is printed after this nobody sees, if we are in the background then.
fn start(
    common: &Common,
    options: &MountOptions,
    serving: &ServeOptions,
    background: Option<Background>,
) -> anyhow::Result<Agreed> {
    let agreed = mount(&common.mountpoint, options)?.agree(serving)?;
    if let Some(background) = background
        && agreed.agreement().is_some()
    {
        background.ready()?;
    }
    Ok(agreed)
}

/// What works here.
pub fn probe() -> anyhow::Result<()> {
    print!("{}", fuse714::probe());
    Ok(())
}
