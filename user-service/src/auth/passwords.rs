//! Hashing passwords with argon2id: off the async threads, and only a few at a time, since each takes 19 MiB.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::domain::password::{Guess, Password};
use crate::error::Error;

/// How many passwords are hashed at once at most. A function instance serves one request at a time, so this is for home.
const AT_ONCE: usize = 2;

/// The hash of a password nobody has, of the same cost as all others: what a guess at an absent account is compared to.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$nRyk3XBmFMFuo8rSx6Bl9A$0bYQ8vOH1oFeYwJvJ4oM8wBq0mSZ3cU5lXn4hG2dT7k";

/// Hashes passwords and compares guesses. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Passwords {
    /// The PHC string of a new password, with a salt of its own and OWASP's parameters (argon2's defaults).
    pub async fn hash(&self, password: Password) -> Result<String, Error> {
        let hash = move || Argon2::default().hash_password(password.reveal().as_bytes()).map(|hash| hash.to_string());
        self.work(hash).await
    }

    /// Whether the guess is right; takes as long for an account that does not exist as for one that does.
    pub async fn is_right(&self, guess: Guess, hash: Option<String>) -> Result<bool, Error> {
        let exists = hash.is_some();
        let compare = move || {
            let hash = hash.as_deref().unwrap_or(NOBODYS);
            match Argon2::default().verify_password(guess.reveal().as_bytes(), &PasswordHash::new(hash)?) {
                Ok(()) => Ok(true),
                Err(password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.work(compare).await.map(|right| right && exists)
    }

    /// The permit goes with the work, which goes on when its request is given up.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> password_hash::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Hashing(error.to_string());
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|error| failed(&error))?;
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        spawn_blocking(work).await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use argon2::Params;

    use super::*;

    #[tokio::test]
    async fn a_guess_is_right_only_for_the_password_itself() {
        let passwords = Passwords::default();
        let hash = passwords.hash("a small boat on a lake".parse().unwrap()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let right = |guess: &str| passwords.is_right(guess.parse().unwrap(), Some(hash.clone()));
        assert!(right("a small boat on a lake").await.unwrap());
        assert!(!right("a small boat on a lake ").await.unwrap());
        assert!(!passwords.is_right("a small boat on a lake".parse().unwrap(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_our_mistake_and_not_a_wrong_password() {
        let result = Passwords::default().is_right("guess".parse().unwrap(), Some("md5".into())).await;
        assert!(matches!(result, Err(Error::Hashing(_))));
    }

    #[test]
    fn nobodys_hash_costs_what_all_others_cost() {
        let nobodys = PasswordHash::new(NOBODYS).unwrap();
        let params = Params::try_from(&nobodys).unwrap();
        let ours = Params::default();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (ours.m_cost(), ours.t_cost(), ours.p_cost()));
        assert_eq!(nobodys.hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
    }
}
