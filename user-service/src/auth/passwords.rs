//! Hashing passwords with argon2id: off the async threads, one at a time in each process, in one buffer that is reused.
//! `docs/decisions/0020-one-memory-for-passwords.md` says why.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::spawn_blocking,
    time::timeout,
};
use zeroize::Zeroize;

use super::domain::password::{Password, PasswordCandidate};
use crate::error::Error;

/// How long a password waits for the memory; less than a request's deadline, so that the refusal is still answered.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Most work that a stored hash may cost, in blocks times passes: four times that of a new hash.
const MOST_WORK: u64 = 4 * Params::DEFAULT_M_COST as u64 * Params::DEFAULT_T_COST as u64;

/// A hash that no account has, of the same cost as all others. Passwords for unknown accounts are compared to it, so
/// that the time of an answer does not show which accounts exist.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$nRyk3XBmFMFuo8rSx6Bl9A$0bYQ8vOH1oFeYwJvJ4oM8wBq0mSZ3cU5lXn4hG2dT7k";

/// Hashes and verifies passwords. Cheap to clone; all clones share the one memory.
#[derive(Debug, Clone)]
pub struct Passwords {
    memory: Arc<Mutex<Memory>>,
    longest_wait: Duration,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::waiting(LONGEST_WAIT)
    }
}

impl Passwords {
    /// An instance in which a password waits for the memory for `longest_wait` at most.
    pub fn waiting(longest_wait: Duration) -> Self {
        Self { memory: Arc::default(), longest_wait }
    }

    /// The PHC string of a new password, with a salt of its own and OWASP's parameters (argon2's defaults).
    pub async fn hash(&self, password: Password) -> Result<String, Error> {
        self.work(move |memory| memory.hash(password.reveal().as_bytes())).await
    }

    /// Whether the candidate is the password of `hash`; takes as long when there is no account, and so no hash.
    pub async fn verify(&self, candidate: PasswordCandidate, hash: Option<String>) -> Result<bool, Error> {
        let exists = hash.is_some();
        let compare = move |memory: &mut Memory| {
            let hash = PasswordHash::new(hash.as_deref().unwrap_or(DUMMY_HASH))?;
            memory.is_hash_of(&hash, candidate.reveal().as_bytes())
        };
        self.work(compare).await.map(|matches| matches && exists)
    }

    /// The number of hashes computed since the process began.
    pub async fn hashes_computed(&self) -> u64 {
        self.memory.lock().await.turns
    }

    /// Waits for the memory and runs `work` in it. The lock on the memory moves into the blocking task, which goes on
    /// when the request is cancelled, and is released when the task ends. A request that is cancelled while it waits
    /// leaves the queue.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> password_hash::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let failed = |error: &dyn fmt::Display| Error::Hashing(error.to_string());
        let memory = timeout(self.longest_wait, Arc::clone(&self.memory).lock_owned());
        let mut turn = Turn(memory.await.map_err(|_| Error::PasswordsBusy)?);
        turn.turns += 1;
        let work = move || work(&mut turn);
        spawn_blocking(work).await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }
}

/// The lock on the memory for the time of one hash. Dropping it wipes the memory, also when the work panics.
struct Turn(OwnedMutexGuard<Memory>);

impl Deref for Turn {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        &self.0
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut Memory {
        &mut self.0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.blocks.iter_mut().zeroize();
    }
}

/// The working memory of argon2: 19 MiB, allocated for the first password and kept.
#[derive(Default)]
struct Memory {
    blocks: Vec<Block>,
    turns: u64,
}

/// Leaves out the blocks: with them a password can be guessed without argon2's cost.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} blocks)", self.blocks.len())
    }
}

impl Memory {
    fn hash(&mut self, password: &[u8]) -> password_hash::Result<String> {
        let (params, salt) = (Params::default(), Salt::new(&password_hash::try_generate_salt()?)?);
        let hash = self.output(Algorithm::Argon2id, Version::V0x13, params.clone(), password, &salt)?;
        let phc = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(salt),
            hash: Some(hash),
        };
        Ok(phc.to_string())
    }

    /// Whether the password has this hash, by the parameters that the hash was made with.
    fn is_hash_of(&mut self, phc: &PasswordHash, password: &[u8]) -> password_hash::Result<bool> {
        let (Some(salt), Some(expected)) = (&phc.salt, &phc.hash) else {
            return Err(password_hash::Error::EncodingInvalid);
        };
        let algorithm = Algorithm::try_from(phc.algorithm.as_str())?;
        let version = phc.version.map(Version::try_from).transpose()?.unwrap_or_default();
        let output = self.output(algorithm, version, Params::try_from(phc)?, password, salt)?;
        // `Output` compares in constant time.
        Ok(output == *expected)
    }

    fn output(
        &mut self,
        algorithm: Algorithm,
        version: Version,
        params: Params,
        password: &[u8],
        salt: &Salt,
    ) -> password_hash::Result<Output> {
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let blocks = self.blocks_for(&params)?;
        let mut bytes = [0; Output::MAX_LENGTH];
        let out = bytes.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
        Argon2::new(algorithm, version, params).hash_password_into_with_memory(password, salt, out, blocks)?;
        Ok(Output::new(out)?)
    }

    /// The blocks for these parameters. Fails for a stored hash that needs more memory than a new one, or more work
    /// than [`MOST_WORK`], so that memory and time per password stay bounded.
    fn blocks_for(&mut self, params: &Params) -> password_hash::Result<&mut [Block]> {
        let most = Params::DEFAULT.block_count();
        let needed = params.block_count();
        if needed > most || u64::from(params.m_cost()) * u64::from(params.t_cost()) > MOST_WORK {
            return Err(password_hash::Error::ParamsInvalid);
        }
        if self.blocks.is_empty() {
            self.blocks = vec![Block::new(); most];
        }
        self.blocks.get_mut(..needed).ok_or(password_hash::Error::OutOfMemory)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        sync::mpsc::{Receiver, Sender, channel},
        task::{Context, Waker},
    };

    use argon2::{CustomizedPasswordHasher, PasswordHasher, PasswordVerifier};

    use super::*;

    /// Work that signals its start and then runs until it is released.
    fn held(began: Sender<()>, let_go: Receiver<()>) -> impl FnOnce(&mut Memory) -> password_hash::Result<()> + Send {
        move |_| {
            began.send(()).unwrap();
            let_go.recv().unwrap();
            Ok(())
        }
    }

    fn is_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[tokio::test]
    async fn only_the_password_itself_is_verified() {
        let passwords = Passwords::default();
        let hash = passwords.hash("a small boat on a lake".parse().unwrap()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let right = |guess: &str| passwords.verify(guess.parse().unwrap(), Some(hash.clone()));
        assert!(right("a small boat on a lake").await.unwrap());
        assert!(!right("a small boat on a lake ").await.unwrap());
        assert!(!passwords.verify("a small boat on a lake".parse().unwrap(), None).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_are_what_argon2_itself_makes_and_takes() {
        let passwords = Passwords::default();
        let ours = passwords.hash("a small boat on a lake".parse().unwrap()).await.unwrap();
        Argon2::default().verify_password(b"a small boat on a lake", ours.as_str()).unwrap();
        let theirs = Argon2::default().hash_password(b"a small boat on a lake").unwrap().to_string();
        assert_eq!(ours.len(), theirs.len());
        assert!(passwords.verify("a small boat on a lake".parse().unwrap(), Some(theirs)).await.unwrap());
        assert_ne!(passwords.hash("a small boat on a lake".parse().unwrap()).await.unwrap(), ours, "salted");
    }

    #[tokio::test]
    async fn a_hash_made_with_less_is_compared_and_one_that_asks_for_more_memory_or_time_is_refused() {
        let passwords = Passwords::default();
        let made_with = |m, t, p| {
            let params = Params::new(m, t, p, Some(32)).unwrap();
            let argon2 = Argon2::default();
            argon2.hash_password_customized(b"guess", b"saltsaltsaltsalt", Some("argon2id"), None, params).unwrap()
        };
        for (m, t, p) in [(8, 1, 1), (1_024, 3, 4), (9_728, 16, 1)] {
            let hash = made_with(m, t, p).to_string();
            assert!(passwords.verify("guess".parse().unwrap(), Some(hash.clone())).await.unwrap(), "{hash}");
            assert!(!passwords.verify("other".parse().unwrap(), Some(hash.clone())).await.unwrap(), "{hash}");
        }
        let ours = made_with(8, 1, 1).to_string();
        for (m, t) in [("19460", "2"), ("4194304", "1"), ("19456", "9"), ("8", "4294967295")] {
            let hash = ours.replace("m=8,t=1", &format!("m={m},t={t}"));
            let refused = passwords.verify("guess".parse().unwrap(), Some(hash.clone())).await;
            assert!(matches!(refused, Err(Error::Hashing(_))), "{hash}");
        }
        assert_eq!(passwords.memory.lock().await.blocks.capacity(), Params::DEFAULT.block_count());
    }

    #[tokio::test]
    async fn the_memory_is_taken_once_used_again_and_wiped_after_every_password() {
        let passwords = Passwords::default();
        assert_eq!(passwords.memory.lock().await.blocks.capacity(), 0, "nothing is taken before it is needed");
        let mut seen = None;
        for _ in 0..5 {
            let hash = passwords.hash("a small boat on a lake".parse().unwrap()).await.unwrap();
            passwords.clone().verify("a wrong guess".parse().unwrap(), Some(hash)).await.unwrap();
            passwords.verify("a wrong guess".parse().unwrap(), None).await.unwrap();
            let memory = passwords.memory.lock().await;
            let now = (memory.blocks.as_ptr().addr(), memory.blocks.capacity());
            assert_eq!(*seen.get_or_insert(now), now);
            assert!(memory.blocks.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
            assert!(memory.blocks.capacity() * Block::SIZE <= 19 << 20);
        }
    }

    #[tokio::test]
    async fn work_whose_request_was_cancelled_keeps_the_memory_until_it_has_ended() {
        let passwords = Passwords::default();
        let ((began, has_begun), (let_go, when_let_go)) = (channel(), channel());
        {
            let mut cancelled = pin!(passwords.work(held(began, when_let_go)));
            assert!(is_pending(cancelled.as_mut()));
            has_begun.recv().unwrap();
        }
        let mut second = Box::pin(passwords.work(|_| Ok(())));
        assert!(is_pending(second.as_mut()), "no second begins beside it");
        assert!(passwords.memory.try_lock().is_err());
        let_go.send(()).unwrap();
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_is_cancelled_while_it_waits_leaves_the_queue() {
        let passwords = Passwords::default();
        let ((began, has_begun), (let_go, when_let_go)) = (channel(), channel());
        let mut first = Box::pin(passwords.work(held(began, when_let_go)));
        assert!(is_pending(first.as_mut()));
        has_begun.recv().unwrap();
        let (worked, has_worked) = channel();
        let mut waiting = Box::pin(passwords.work(move |_| {
            worked.send(()).unwrap();
            Ok(())
        }));
        assert!(is_pending(waiting.as_mut()));
        drop(waiting);
        let_go.send(()).unwrap();
        first.await.unwrap();
        passwords.work(|_| Ok(())).await.unwrap();
        assert!(has_worked.try_recv().is_err(), "its work was never begun");
    }

    #[tokio::test]
    async fn work_that_panics_leaves_the_memory_to_the_next_and_wiped() {
        let passwords = Passwords::default();
        let panicking = passwords.work::<()>(|memory| {
            memory.blocks_for(&Params::DEFAULT)?[7].as_mut()[7] = 7;
            panic!("for the test")
        });
        assert!(matches!(panicking.await, Err(Error::Hashing(_))));
        let left = passwords.work(|memory| Ok(memory.blocks_for(&Params::DEFAULT)?[7].as_ref()[7])).await;
        assert_eq!(left.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_password_that_waits_too_long_is_refused_and_not_hashed() {
        let passwords = Passwords::waiting(Duration::ZERO);
        let busy = passwords.memory.lock().await;
        let refused = passwords.hash("a small boat on a lake".parse().unwrap()).await;
        assert!(matches!(refused, Err(Error::PasswordsBusy)));
        assert_eq!(busy.blocks.capacity(), 0);
        drop(busy);
        passwords.hash("a small boat on a lake".parse().unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_an_internal_error_and_not_a_wrong_password() {
        let result = Passwords::default().verify("guess".parse().unwrap(), Some("md5".into())).await;
        assert!(matches!(result, Err(Error::Hashing(_))));
    }

    #[test]
    fn the_dummy_hash_costs_what_all_others_cost() {
        let dummy = PasswordHash::new(DUMMY_HASH).unwrap();
        let params = Params::try_from(&dummy).unwrap();
        let ours = Params::default();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (ours.m_cost(), ours.t_cost(), ours.p_cost()));
        assert_eq!(dummy.hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
    }
}
