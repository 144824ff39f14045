//! Users whom somebody else has asked who they are: a proxy, or a provider of OpenID Connect. Here they have a row, for
//! the roles and groups they are given, and no password.

use crate::app::Shared;
use crate::auth::policy::Actor;
use crate::db::users::{self, User, UserDetails};
use crate::error::{Error, Result};

/// The longest name of a user, in characters.
const LONGEST_NAME: usize = 150;

/// The user of this name, who is made when there is none and the configuration says so.
///
/// # Errors
/// `Unauthenticated` when there is none, when the user may not log in, and when that is no name.
pub async fn user(app: &Shared, name: String) -> Result<User> {
    if name.trim() != name || name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(char::is_control)
    {
        return Err(Error::Unauthenticated("what was named is no user".into()));
    }
    let wanted = name.clone();
    let found = app.db.read(move |conn| users::by_name(conn, &wanted)).await?;
    let user = match found {
        None if app.config.create_remote_users => Some(make(app, name).await?),
        found => found,
    };
    user.filter(|user| user.is_active).ok_or_else(|| Error::Unauthenticated("there is no such user".into()))
}

pub async fn actor(app: &Shared, name: String) -> Result<Actor> {
    user(app, name).await.map(User::into_actor)
}

/// Another request may make the same user at the same moment: then that one is meant.
async fn make(app: &Shared, name: String) -> Result<User> {
    let new = UserDetails { username: Some(name.clone()), ..UserDetails::default() };
    match app.db.write(move |conn| users::insert(conn, &new).map(drop)).await {
        Ok(()) | Err(Error::Duplicate { .. }) => {}
        Err(error) => return Err(error),
    }
    let made = app.db.read(move |conn| users::by_name(conn, &name)).await?;
    made.ok_or_else(|| Error::internal("a user who was made just now is not there"))
}
