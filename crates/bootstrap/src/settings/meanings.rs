//! What each setting is for, and what is allowed: for `earmark settings --explain`.

/// One line for each setting, in the order in which they are shown.
pub(crate) const MEANINGS: &str = "\
store.url                    sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE, memory:
store.connections            connections to PostgreSQL, or readers of SQLite by key
store.migrate                true, false: bring the schema up to date at the start
http.listen                  HOST:PORT; port 0 picks a free one
http.hosts                   host names it answers to, besides localhost and addresses; * for every name
http.base_path               the path that a proxy puts before those of the service, as in /shop
http.cors_origins            origins whose pages may read in a browser, as in https://dashboard.example
http.tls_certificate         a PEM file: the certificate, and those that have signed it; with http.tls_key only
http.tls_key                 a PEM file: the private key of the certificate
http.tls_client_ca           a PEM file: clients need a certificate that one of these authorities has signed
http.trusted_proxies         addresses and networks of proxies that say who the client is, as in 10.0.0.5,fd00::/8
sign_in.issuer               the address of an identity provider for people, by OpenID Connect, as in https://id.example
sign_in.client_id            what the provider calls this service
sign_in.client_secret        by what the provider knows this service
sign_in.redirect_url         where browsers come back to, as in https://earmark.example/sign-in/callback
sign_in.scopes               what the provider is asked for besides openid
sign_in.roles_claim          the claim with the roles, as in roles, or realm_access.roles
sign_in.roles                which of its values are which roles, as in stock-admins=admin,staff=viewer
sign_in.audience             for whom the access tokens are that callers may show as they show keys
limits.requests_per_second   requests a second of a key; off: as many as it likes
limits.unknown_per_second    requests a second of an address without a valid key
limits.connections           connections of clients
limits.head_seconds          1 to 3600: how long the head of a request may take to arrive
limits.body_seconds          1 to 3600: how long the body of a call may take to arrive
limits.bulk_streams          bulk streams that are open at a time
limits.event_streams         event streams that are open at a time
events.urls                  who is told of events: nats://HOST:PORT/STREAM, redis://HOST, https://HOST/PATH, log:
events.after_refusal         wait, follow: events of a product behind one that a subscriber does not take
events.webhook_secrets       whsec_…: what webhooks are signed with; two while one is changed
events.webhook_networks      hosts and networks of the own network that webhooks may reach, as in 10.0.0.0/8
events.webhook_parallel      requests to webhooks that are under way at once
commands.urls                where commands come from as messages: nats://HOST:PORT/STREAM, redis://HOST
mail.url                     where digests for the buyers go: smtp://USER:PASSWORD@HOST:PORT, smtps://…, log:
mail.from                    who sends them, as in Earmark <earmark@shop.example>
mail.to                      who gets them; commas separate several
mail.every_seconds           1 to 86400: one digest in so many seconds at most
promising.overdue_grace_days 0 to 3650: after so many days an overdue batch is not offered any more; off: it always is
promising.time_zone          whose day it is: a name of the IANA database, as in Europe/Vienna
promising.improve            off, at_risk, all: which lines move to better stock when there is some
log.format                   auto, pretty, json
log.level                    error, warn, info, debug, trace, off, or a list as in RUST_LOG
telemetry.otlp_url           a collector of traces, by OTLP over HTTP, as in http://localhost:4318
engine.threads               1 to 256: threads that run the engine; half the processors by default
engine.lanes                 groups of commands that are stored side by side
engine.queue                 commands that may wait in a lane
engine.queue_timeout_ms      0 to 60000: how long a command waits for a place in a full queue
engine.group                 commands that share a transaction
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::catalogue::NAMES;

    #[test]
    fn every_setting_is_explained_in_a_line_of_a_terminal() {
        let names: Vec<&str> = MEANINGS.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, NAMES);
        for line in MEANINGS.lines() {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }
}
