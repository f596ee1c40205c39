-- SPDX-License-Identifier: ISC
-- Logins with OAuth tokens, and what takes their place at providers that give none to programs: rows for rpopd.db(5).  Put
-- your own values in place of those in capitals, and leave out what you do not need.  rpopd(8), "OAuth", has the whole way.
--
-- None of these providers could be asked from where this was written: addresses, names and scopes are those of their
-- documentation.  The logins themselves are tested with a provider of ours and with Dovecot.

-- Microsoft 365, work and school accounts, in the name of a person.  TENANT is the organisation's id.  At
-- entra.microsoft.com register an application: supported account types as you need them, "Allow public client flows" yes,
-- API permission "Office 365 Exchange Online" or Microsoft Graph, delegated, POP.AccessAsUser.All and offline_access.  Such
-- a public client has no secret.  POP must be enabled for the mailbox (Set-CASMailbox -PopEnabled).  An organisation may
-- forbid device logins (conditional access): then see "microsoft-app" below.  Refresh tokens are replaced at each use: rpopd
-- keeps the newest.
INSERT INTO oauth_client (name, token_url, device_url, client_id, scope) VALUES
('microsoft', 'https://login.microsoftonline.com/TENANT/oauth2/v2.0/token',
    'https://login.microsoftonline.com/TENANT/oauth2/v2.0/devicecode', 'CLIENT-ID',
    'https://outlook.office.com/POP.AccessAsUser.All offline_access');
INSERT INTO rpop (account, name, domain, auth_name, auth, oauth_client, period) VALUES
('anna@example.org', 'office', 'outlook.office365.com', 'USER@EXAMPLE.COM', 'xoauth2', 'microsoft', NULL);

-- Outlook.com, hotmail.com, live.com, msn.com: personal accounts, at the tenant "consumers".  The application must be
-- registered for personal Microsoft accounts, too.  In the settings of the mailbox: let devices and apps use POP; it also
-- says there whether they may delete messages.
INSERT INTO oauth_client (name, token_url, device_url, client_id, scope) VALUES
('outlook.com', 'https://login.microsoftonline.com/consumers/oauth2/v2.0/token',
    'https://login.microsoftonline.com/consumers/oauth2/v2.0/devicecode', 'CLIENT-ID',
    'https://outlook.office.com/POP.AccessAsUser.All offline_access');
INSERT INTO rpop (account, name, domain, auth_name, auth, oauth_client, period) VALUES
('anna@example.org', 'outlook', 'outlook.office365.com', 'USER@OUTLOOK.COM', 'xoauth2', 'outlook.com', NULL);

-- Both records are disabled (period NULL) until they have a refresh token:
--
--	# rpopctl reload
--	# rpopctl oauth login anna@example.org/outlook
--	# rpopctl record enable anna@example.org/outlook

-- Microsoft 365, in the name of the application: no person has to consent and no refresh token can end, only the client's
-- secret.  The application needs the application permission POP.AccessAsApp with an administrator's consent, a service
-- principal in Exchange (New-ServicePrincipal), and access to each mailbox (Add-MailboxPermission).
INSERT INTO oauth_client (name, token_url, client_id, client_secret, scope, grant_type) VALUES
('microsoft-app', 'https://login.microsoftonline.com/TENANT/oauth2/v2.0/token', 'CLIENT-ID', 'CLIENT-SECRET',
    'https://outlook.office365.com/.default', 'client_credentials');
INSERT INTO rpop (account, name, domain, auth_name, auth, oauth_client) VALUES
('anna@example.org', 'shared', 'outlook.office365.com', 'SHARED@EXAMPLE.COM', 'xoauth2', 'microsoft-app');

-- Gmail.  Google does not grant the scope of mail to device logins, so there is no device_url and "rpopctl oauth login" is
-- of no use.  What works without an application of your own is an application password, which the account has once its 2-Step
-- Verification is on (some Workspace organisations forbid them); it is a password like any other.  POP must be enabled in
-- Gmail's settings.
INSERT INTO rpop (account, name, domain, auth_name, password) VALUES
('anna@example.org', 'gmail', 'pop.gmail.com', 'USER@GMAIL.COM', 'APPLICATION-PASSWORD');

-- Gmail with tokens: the first refresh token comes from a tool that opens a browser, see rpopd(8).  A session may last about
-- as long as its token, an hour.  Refresh tokens of an application in state "testing" end after seven days: publish it, or
-- make it internal to your organisation.
INSERT INTO oauth_client (name, token_url, client_id, client_secret, scope) VALUES
('google', 'https://oauth2.googleapis.com/token', 'CLIENT-ID.apps.googleusercontent.com', 'CLIENT-SECRET',
    'https://mail.google.com/');
INSERT INTO rpop (account, name, domain, auth_name, oauth_client, refresh_token) VALUES
('anna@example.org', 'google', 'pop.gmail.com', 'USER@GMAIL.COM', 'google', 'REFRESH-TOKEN');

-- Yahoo and AOL give tokens for mail to applications that they have approved only; everybody else has an application
-- password, made in the account's security settings.
INSERT INTO rpop (account, name, domain, auth_name, password) VALUES
('anna@example.org', 'yahoo', 'pop.mail.yahoo.com', 'USER@YAHOO.COM', 'APPLICATION-PASSWORD'),
('anna@example.org', 'aol', 'pop.aol.com', 'USER@AOL.COM', 'APPLICATION-PASSWORD');

-- A Keycloak of your own, for a server such as Dovecot that takes its tokens.  Enable "OAuth 2.0 Device Authorization Grant"
-- for the client.  With the scope offline_access its refresh tokens do not end with the person's session.
INSERT INTO oauth_client (name, token_url, device_url, client_id, scope) VALUES
('keycloak', 'https://KEYCLOAK.EXAMPLE/realms/REALM/protocol/openid-connect/token',
    'https://KEYCLOAK.EXAMPLE/realms/REALM/protocol/openid-connect/auth/device', 'CLIENT-ID', 'openid email offline_access');
INSERT INTO rpop (account, name, domain, auth_name, oauth_client, period) VALUES
('anna@example.org', 'own', 'mail.example.net', 'USER', 'keycloak', NULL);

-- A program that prints an access token.
INSERT INTO rpop (account, name, domain, auth_name, token_command) VALUES
('anna@example.org', 'helper', 'pop.example.net', 'USER', '/usr/local/libexec/rpopd-token USER@example.net');
