//! Native faces of formats: from a request below `/<prefix>/` to its distribution, to the operation the format
//! names, to the answer. Reads are for whom the distribution's guard lets through, like the content face; beside that the
//! access policy of the operation holds, which as it ships lets everybody read and lets those write who may change the
//! repository. Who writes must say who they are, whatever a policy says.
//!
//! What a format renders for a reader is kept in [`pages`] for as long as the distribution serves the same.

mod answer;
mod form;
mod host;
mod pages;
mod route;

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use crate::app::Shared;
use crate::auth::policy::Actor;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::metrics::{Operation as Measured, Requests};
use crate::observe::{Told, Watch};
use crate::plugin::{Face, FaceAnswer, FaceDistribution, FaceMethod, FaceOperation, FaceRequest, Form, Links};
use crate::resource::{Registry, face_viewset};
use crate::rest::authorize::Index;
use crate::rest::request::{correlation_id, keep_correlation_id};
use crate::rest::{authenticate, authorize, error_body};
use crate::serve::{self, FaceView, Pointer};
use crate::storage::Storage;
use crate::trace;
use host::Host;
use pages::{Key, Pages};
use route::{Routes, Way};

/// The native faces of this process.
pub struct Native {
    faces: Vec<Routed>,
    pages: Pages,
}

struct Routed {
    /// The component whose distributions it is for.
    component: &'static str,
    face: Arc<dyn Face>,
    routes: Routes,
    requests: Counts,
}

/// The counts of the operations of a face, and of requests that found none.
struct Counts {
    of: Vec<(&'static str, &'static str, Arc<Requests>)>,
    lost: Arc<Requests>,
}

impl Counts {
    fn new(operations: &[FaceOperation]) -> Self {
        let method = |operation: &FaceOperation| match operation.method {
            FaceMethod::Get => "GET",
            FaceMethod::Post => "POST",
        };
        let of = operations.iter().map(|operation| (operation.id, method(operation), Arc::default())).collect();
        Self { of, lost: Arc::default() }
    }

    fn find(&self, operation: Option<&str>) -> (&'static str, &Arc<Requests>) {
        let found = self.of.iter().find(|(id, ..)| Some(*id) == operation);
        found.map_or(("none", &self.lost), |(id, _, requests)| (id, requests))
    }
}

/// The counts of all operations.
pub fn measured(native: &Native) -> Vec<Measured<'_>> {
    let mut operations = Vec::new();
    for routed in &native.faces {
        let face = routed.face.prefix();
        for (name, method, requests) in &routed.requests.of {
            operations.push(Measured { face, name, method, requests });
        }
        operations.push(Measured { face, name: "none", method: "any", requests: &routed.requests.lost });
    }
    operations
}

impl Native {
    pub fn new(config: &Config, registry: &Registry, storage: Storage) -> Self {
        let routed = |(component, face): (&&'static str, &Arc<dyn Face>)| Routed {
            component,
            face: face.clone(),
            requests: Counts::new(&face.operations()),
            routes: Routes::new(face.operations()),
        };
        Self { faces: registry.faces.iter().map(routed).collect(), pages: Pages::new(config, storage) }
    }

    fn of(&self, pulp_type: &str) -> Option<&Routed> {
        let component = pulp_type.split('.').next();
        self.faces.iter().find(|routed| component == Some(routed.component))
    }
}

/// Adds the native faces to a server.
pub fn routes(config: &mut ServiceConfig, app: &Shared) {
    for (at, routed) in app.native.faces.iter().enumerate() {
        let app = app.clone();
        let answer = move |request: HttpRequest, payload: web::Payload| handle(app.clone(), at, request, payload);
        let scope = web::scope(&format!("/{}", routed.face.prefix()));
        config.service(scope.default_service(web::route().to(answer)));
    }
}

async fn handle(app: Shared, at: usize, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    // Made only for those who look at it: pages are asked for often.
    let cid = (app.config.access_log || trace::is_on()).then(|| keep_correlation_id(&request));
    let (watch, mut seen, routed) =
        (Watch::begin(app.config.access_log, &request, cid.as_deref()), Seen::default(), &app.native.faces[at]);
    let answered = watch.over(respond(&app, routed, &request, payload, &mut seen)).await;
    let response = answered.unwrap_or_else(|error| failed(&error, &request));
    let (operation, requests) = routed.requests.find(seen.operation);
    let (face, user, token) = (routed.face.prefix(), seen.user.as_deref(), seen.token);
    watch.end(&request, response, &Told { face, operation, requests, user, token, cid: cid.as_deref() })
}

/// What was found out about a request on its way.
#[derive(Default)]
struct Seen {
    operation: Option<&'static str>,
    user: Option<String>,
    token: Option<Id>,
}

impl Seen {
    fn note(&mut self, actor: Option<&Actor>) {
        self.user = actor.map(|actor| actor.username.clone());
        self.token = actor.and_then(|actor| actor.token.as_ref()?.id);
    }
}

fn failed(error: &Error, request: &HttpRequest) -> HttpResponse {
    let cid = correlation_id(request);
    // What contradicts the repository's rules is the sender's to mend, and clients of such faces know no 409.
    let invalid = match error {
        Error::Conflict(text) => Some(Error::Malformed(text.clone())),
        _ => None,
    };
    let error = invalid.as_ref().unwrap_or(error);
    let response = error_body::answer(error, &cid).respond(&cid, request.method() == Method::HEAD);
    if is_read(request) { response } else { answer::told(response, &answer::cause(error)) }
}

fn is_read(request: &HttpRequest) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

async fn respond(
    app: &Shared,
    routed: &Routed,
    request: &HttpRequest,
    payload: web::Payload,
    seen: &mut Seen,
) -> Result<HttpResponse> {
    let is_read = is_read(request);
    let actor = match is_read {
        true => None,
        false => authenticate::actor(app, request).await?,
    };
    if !is_read && actor.is_none() {
        return Err(Error::anonymous());
    }
    seen.note(actor.as_ref());
    let below = request.uri().path().strip_prefix('/').and_then(|path| path.strip_prefix(routed.face.prefix()));
    let path = below.and_then(|below| serve::decode(below.strip_prefix('/').unwrap_or(below)));
    let Some(path) = path else { return Ok(answer::nowhere("there is nothing at this path")) };
    let pointer = app.delivery.pointer(&path).await?;
    let found = pointer.as_ref().and_then(|pointer| Some((pointer, pointer.face.as_ref()?)));
    let found = found.filter(|(pointer, _)| pointer.belongs_to(routed.component));
    let Some((pointer, view)) = found else { return Ok(answer::nowhere("no distribution has this path")) };
    // Who may write does not depend on who may read.
    if is_read && let Some(refusal) = app.delivery.refusal(request, pointer, &path).await? {
        return Ok(refusal);
    }
    let app = &app.of_domain(pointer.distribution.domain).await?;
    let rest = path[pointer.distribution.place.len()..].strip_prefix('/');
    let method = if is_read { FaceMethod::Get } else { FaceMethod::Post };
    let method = (is_read || *request.method() == Method::POST).then_some(method);
    let response = match routed.routes.find(method, rest) {
        Way::Found(operation, parameters) => {
            seen.operation = Some(operation);
            let access = Access::of(routed, view, operation)?;
            let asked = Asked { routed, pointer, view, operation, parameters, on_content_face: false };
            match actor {
                Some(actor) => {
                    access.permit(app, Some(&actor), view).await?;
                    match write(app, request, payload, asked, actor).await {
                        Err(error) => return Err(app.cause(error).await),
                        Ok(response) => response,
                    }
                }
                None if access.is_changed => {
                    let reader = reader(app, request, pointer).await?;
                    seen.note(reader.as_ref());
                    access.permit(app, reader.as_ref(), view).await?;
                    serve::unshared(run(app, request, asked, None, None).await?)
                }
                None => run(app, request, asked, None, None).await?,
            }
        }
        Way::Slash => serve::with_slash(request),
        Way::Methods(allowed) => answer::not_allowed(allowed),
        Way::Nowhere => answer::nowhere("there is nothing at this path"),
    };
    Ok(serve::private(response, pointer))
}

/// Who sends a read, as far as that matters to access policies. A token that is not for the distribution is nobody's.
async fn reader(app: &Shared, request: &HttpRequest, pointer: &Pointer) -> Result<Option<Actor>> {
    let actor = authenticate::actor(app, request).await?;
    Ok(actor.filter(|actor| actor.token.as_ref().is_none_or(|token| serve::is_for(token, pointer))))
}

/// The access policy that an operation is judged by.
struct Access {
    viewset: String,
    action: &'static str,
    is_read: bool,
    /// As it ships a policy lets everybody read, so that nobody has to be asked who they are.
    is_changed: bool,
}

impl Access {
    fn of(routed: &Routed, view: &FaceView, operation: &str) -> Result<Self> {
        let unknown = || Error::internal(format!("no operation `{operation}`"));
        let (method, group, action) = routed.routes.policy(operation).ok_or_else(unknown)?;
        let viewset = face_viewset(routed.face.prefix(), group);
        let is_changed = view.changed_policies.contains(&viewset);
        Ok(Self { viewset, action, is_read: method == FaceMethod::Get, is_changed })
    }

    async fn permit(&self, app: &Shared, actor: Option<&Actor>, view: &FaceView) -> Result<()> {
        let FaceDistribution { id, repository, .. } = *view.distribution;
        let index = Index { distribution: id, repository };
        authorize::permit_on_face(app, actor, index, &self.viewset, (self.action, self.is_read)).await
    }
}

/// An operation of a distribution.
struct Asked<'a> {
    routed: &'a Routed,
    pointer: &'a Arc<Pointer>,
    view: &'a FaceView,
    operation: &'static str,
    parameters: Vec<(&'static str, String)>,
    on_content_face: bool,
}

async fn write(
    app: &Shared,
    request: &HttpRequest,
    payload: web::Payload,
    asked: Asked<'_>,
    actor: Actor,
) -> Result<HttpResponse> {
    let form = form::read(app, request, payload, asked.routed.routes.file(asked.operation)).await?;
    run(app, request, asked, Some(form), Some(actor)).await
}

async fn run(
    app: &Shared,
    request: &HttpRequest,
    asked: Asked<'_>,
    form: Option<Form>,
    actor: Option<Actor>,
) -> Result<HttpResponse> {
    let links = links(app, request, asked.routed, asked.pointer);
    let changed = asked.view.units.as_ref().map(crate::plugin::VersionUnits::changed);
    let told = FaceRequest {
        operation: asked.operation,
        parameters: asked.parameters,
        query: url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect(),
        accept: header(request, "Accept"),
        on_content_face: asked.on_content_face,
        distribution: asked.view.distribution.clone(),
        served: asked.view.units.clone(),
        links: links.clone(),
        form,
        host: Arc::new(Host { app: app.clone(), cid: correlation_id(request), actor }),
    };
    match asked.routed.face.answer(told).await? {
        FaceAnswer::Page(page) => {
            let key =
                Key { scope: asked.pointer.scope, name: page.name, media_type: page.media_type, origin: links.content };
            let (stored, mark) = app.native.pages.get(key, changed, page.render).await?;
            Ok(answer::page(request, &stored, mark, page.max_age, page.headers))
        }
        other => Ok(answer::plain(app, request, other)),
    }
}

fn links(app: &Shared, request: &HttpRequest, routed: &Routed, pointer: &Pointer) -> Links {
    let seen = || {
        let connection = request.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    };
    let origin = app.config.content_origin.as_ref().map_or_else(seen, ToString::to_string);
    let place = serve::encode(&pointer.distribution.place);
    Links {
        content: format!("{origin}{}{place}/", app.config.content_path_prefix).into(),
        face: format!("{origin}/{}/{place}/", routed.face.prefix()).into(),
    }
}

fn header(request: &HttpRequest, name: &str) -> Option<String> {
    request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// What the content face answers with from the native face of the distribution's format; none when the format has
/// nothing there.
pub async fn on_content_face(
    app: &Shared,
    request: &HttpRequest,
    pointer: &Arc<Pointer>,
    rest: &str,
) -> Option<Result<HttpResponse>> {
    let app = match app.of_domain(pointer.distribution.domain).await {
        Ok(app) => app,
        Err(error) => return Some(Err(error)),
    };
    let (view, routed) = (pointer.face.as_ref()?, app.native.of(&pointer.distribution.pulp_type)?);
    let Way::Found(operation, parameters) = routed.routes.on_content_face(rest) else { return None };
    let asked = Asked { routed, pointer, view, operation, parameters, on_content_face: true };
    Some(run(&app, request, asked, None, None).await)
}
