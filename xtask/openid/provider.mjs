// A certified provider, as it is, on loopback: its own pages, its own keys, its own rules.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

export const people = {
  anna: { sub: "anna", email: "anna@shop.example", email_verified: true, roles: ["planner"] },
  bert: { sub: "bert", preferred_username: "bert", roles: ["cook"] },
};

const secret = "the-secret-of-the-client";
export const audience = "earmark-api";

function key(kid) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" };
}

// Where it listens, what the service has to know of it, and what can be done to it.
export async function start(redirectUri) {
  const server = createServer((request, response) => handler(request, response));
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address();
  const issuer = `http://127.0.0.1:${port}`;
  let keys = 0;
  let handler;
  const renew = () => {
    keys += 1;
    const provider = new Provider(issuer, {
      clients: [
        { client_id: "earmark", client_secret: secret, redirect_uris: [redirectUri], response_types: ["code"] },
        {
          client_id: "robot",
          client_secret: secret,
          grant_types: ["client_credentials"],
          redirect_uris: [],
          response_types: [],
        },
      ],
      jwks: { keys: [key(`key-${keys}`)] },
      cookies: { keys: ["only for a test"] },
      claims: { openid: ["sub"], profile: ["preferred_username", "roles"], email: ["email", "email_verified"] },
      // Roles in the ID token itself, and not only for those who ask for more.
      conformIdTokenClaims: false,
      findAccount: (_, id) => ({ accountId: id, claims: () => people[id] }),
      extraTokenClaims: () => ({ sub: "robot", roles: ["sales"] }),
      pkce: { methods: ["S256"], required: () => true },
      features: {
        devInteractions: { enabled: true },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_, resource) => ({
            audience: resource === "urn:jwt" ? audience : "somebody-else",
            scope: "",
            accessTokenFormat: resource === "urn:opaque" ? "opaque" : "jwt",
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
    });
    provider.on("server_error", (_, why) => console.error(why));
    handler = provider.callback();
  };
  renew();
  const settings = {
    EARMARK__SIGN_IN__ISSUER: issuer,
    EARMARK__SIGN_IN__CLIENT_ID: "earmark",
    EARMARK__SIGN_IN__CLIENT_SECRET: secret,
    EARMARK__SIGN_IN__REDIRECT_URL: redirectUri,
    EARMARK__SIGN_IN__AUDIENCE: audience,
  };
  // A token of a program, for a resource.
  const token = async (resource) => {
    const answer = await fetch(`${issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`robot:${secret}`).toString("base64")}` },
      body: new URLSearchParams({ grant_type: "client_credentials", resource }),
    });
    const { access_token: text } = await answer.json();
    if (text === undefined) throw new Error(`no token: ${answer.status}`);
    return text;
  };
  const stop = () => {
    server.closeAllConnections();
    return new Promise((ended) => server.close(ended));
  };
  return { issuer, settings, token, renew, stop };
}
