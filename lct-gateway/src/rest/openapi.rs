//! OpenAPI descriptions of operations, made from their table and the types; and that of what clients can ask for.

use std::sync::LazyLock;

use hyper::{Method, StatusCode};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, Paths, Ref, Required, ResponseBuilder, Type,
};

use crate::rest::operations::{Access, Ask, OPERATIONS, Operation, Shape};
use crate::rest::refusal::{Problem, Word};
use crate::rest::reply::JSON;

const DESCRIPTION: &str = "What a contact tracing client can ask for by HTTP, as the WebSocket at /ws does it. \
                           Bodies are JSON. There are no sessions: each request says who asks. docs/rest.md has the rules \
                           at length.";

const PERSON: &str = "A person. `LCT-Ed25519 device=\"…\",code=\"…\",key=\"device|code\",time=\"<epoch ms>\",nonce=\"<base64url>\",\
                      signature=\"<base64url>\"`, the signature over `lct-request-v1`, graph, method, path with query, time, \
                      nonce, lower-case hexadecimal SHA-256 of the body and origin (or nothing), joined by line feeds. \
                      Where GET /v1/info says `open`: `LCT-Open <userID>`, percent-encoded.";

const SERVICE: &str = "A service, by the token that the operator made for it.";

/// The statuses an operation can have beside 200, each with what it means.
pub fn refusals(operation: &Operation) -> Vec<(StatusCode, &'static str)> {
    let mut refusals = vec![
        (
            StatusCode::BAD_REQUEST,
            "Something in the request breaks a rule",
        ),
        (
            StatusCode::FORBIDDEN,
            "The page's origin is not on the list, or who asks may not do that",
        ),
        (
            StatusCode::TOO_MANY_REQUESTS,
            "Too fast, or enough for today",
        ),
    ];
    if operation.access != Access::Public {
        refusals.extend([
            (
                StatusCode::UNAUTHORIZED,
                "Who asks is not said, not proven, or not known",
            ),
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The server failed; the request was in order",
            ),
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "Not now; the same can be asked again later",
            ),
        ]);
    }
    if operation.body.is_some() {
        refusals.extend([
            (StatusCode::PAYLOAD_TOO_LARGE, "The body is too long"),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON"),
        ]);
    }
    if operation.ask == Ask::ChangeVisit {
        refusals.push((StatusCode::CONFLICT, "There is no such visit (any more)"));
    }
    refusals
}

/// What is to be described: the operations of a listener, and what they have in common.
pub struct Book<A: 'static> {
    /// What it is called.
    pub title: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The operations.
    pub operations: &'static [Operation<A>],
    /// An operation's name.
    pub name: fn(&Operation<A>) -> &'static str,
    /// What may stand in its query, and what that means.
    pub query: fn(&Operation<A>) -> Vec<(&'static str, &'static str)>,
    /// Who may ask: names of the schemes below, any of which will do.
    pub who: fn(&Operation<A>) -> &'static [&'static str],
    /// The statuses it can have beside 200, each with what it means.
    pub refusals: fn(&Operation<A>) -> Vec<(StatusCode, &'static str)>,
    /// The ways to say who asks.
    pub schemes: Vec<(&'static str, SecurityScheme)>,
}

/// The description of what clients can ask for as text, made when it is first asked for.
pub static TEXT: LazyLock<String> = LazyLock::new(|| {
    let person = ApiKeyValue::with_description("Authorization", PERSON);
    let book = Book {
        title: "LCT gateway",
        description: DESCRIPTION,
        operations: &OPERATIONS,
        name: |operation: &Operation| operation.ask.name(),
        query: |operation| match operation.access {
            Access::Public => Vec::new(),
            _ => vec![(
                "graphName",
                "The main graph's name or Sandbox; the main graph if absent",
            )],
        },
        who: |operation| match operation.access {
            Access::Services => &["person", "service"],
            Access::Persons => &["person"],
            Access::Public | Access::Operators => &[],
        },
        refusals,
        schemes: vec![
            ("person", SecurityScheme::ApiKey(ApiKey::Header(person))),
            ("service", bearer(SERVICE)),
        ],
    };
    book.text()
});

/// A token in the header of every request.
pub fn bearer(description: &'static str) -> SecurityScheme {
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(description))
            .build(),
    )
}

impl<A> Book<A> {
    /// The description as text.
    pub fn text(self) -> String {
        self.document()
            .to_json()
            .expect("a description holds nothing that JSON cannot write")
    }

    fn document(self) -> OpenApi {
        let mut paths = Paths::new();
        let mut schemas = Vec::new();
        for operation in self.operations {
            (operation.reply.describe)(&mut schemas);
            if let Some(body) = operation.body {
                (body.shape.describe)(&mut schemas);
            }
            let methods = vec![method(&operation.method)];
            paths.add_path_operation(operation.path, methods, self.describe(operation));
        }
        let mut components = ComponentsBuilder::new()
            .schemas_from_iter(schemas)
            .schema_from::<Problem>()
            .schema_from::<Word>();
        for (name, scheme) in self.schemes {
            components = components.security_scheme(name, scheme);
        }
        let license = LicenseBuilder::new()
            .name(env!("CARGO_PKG_LICENSE"))
            .identifier(Some(env!("CARGO_PKG_LICENSE")));
        OpenApiBuilder::new()
            .info(
                InfoBuilder::new()
                    .title(self.title)
                    .version(env!("CARGO_PKG_VERSION"))
                    .description(Some(self.description))
                    .license(Some(license.build())),
            )
            .paths(paths)
            .components(Some(components.build()))
            .build()
    }

    fn describe(&self, operation: &Operation<A>) -> OperationBuilder {
        let mut builder = OperationBuilder::new()
            .operation_id(Some((self.name)(operation)))
            .summary(Some(operation.summary))
            .response(
                "200",
                ResponseBuilder::new()
                    .description("Done")
                    .content(JSON, content(operation.reply)),
            );
        if !operation.description.is_empty() {
            builder = builder.description(Some(operation.description));
        }
        if let Some(name) = operation.parameter() {
            builder = builder.parameter(
                ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(string())),
            );
        }
        for (name, meaning) in (self.query)(operation) {
            builder = builder.parameter(
                ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Query)
                    .required(Required::False)
                    .description(Some(meaning))
                    .schema(Some(string())),
            );
        }
        for scheme in (self.who)(operation) {
            builder = builder.security(SecurityRequirement::new(*scheme, [""; 0]));
        }
        if let Some(body) = operation.body {
            builder = builder.request_body(Some(
                RequestBodyBuilder::new()
                    .description(Some(format!("At most {} bytes", body.most)))
                    .required(Some(Required::True))
                    .content(JSON, content(body.shape))
                    .build(),
            ));
        }
        for (status, meaning) in (self.refusals)(operation) {
            let mut response = ResponseBuilder::new()
                .description(meaning)
                .content(JSON, of(Ref::from_schema_name("Problem")));
            let header = match status {
                StatusCode::UNAUTHORIZED => Some(("WWW-Authenticate", "How to say who asks")),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some((
                    "Retry-After",
                    "After how many seconds the same may be asked again",
                )),
                _ => None,
            };
            if let Some((name, meaning)) = header {
                let header = HeaderBuilder::new()
                    .schema(string())
                    .description(Some(meaning));
                response = response.header(name, header.build());
            }
            builder = builder.response(status.as_str(), response);
        }
        builder
    }
}

fn content(shape: Shape) -> utoipa::openapi::Content {
    of(Ref::from_schema_name((shape.name)()))
}

fn of(schema: Ref) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::GET => HttpMethod::Get,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Post,
    }
}
