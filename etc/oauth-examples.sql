-- SPDX-License-Identifier: ISC
-- Logins with OAuth tokens at two large providers, for rpopd.db(5).  Put your own values in place of those in capitals, and leave out
-- what you do not need.  How to get a first refresh token is in rpopd(8), "OAuth".

-- Google.  A session may last about as long as its token, an hour.  Refresh tokens of an application in state "testing" end after
-- seven days: publish it, or make it internal to your organisation.
INSERT INTO oauth_client (name, token_url, client_id, client_secret, scope) VALUES
('google', 'https://oauth2.googleapis.com/token', 'CLIENT-ID.apps.googleusercontent.com', 'CLIENT-SECRET',
    'https://mail.google.com/');
INSERT INTO rpop (account, name, domain, auth_name, oauth_client, refresh_token) VALUES
('anna@example.org', 'gmail', 'pop.gmail.com', 'USER@gmail.com', 'google', 'REFRESH-TOKEN');

-- Microsoft, outlook.com and Microsoft 365, in the name of a person.  TENANT is the organisation's id, or "consumers" for outlook.com.
-- A public client has no secret.  Refresh tokens are replaced at each use: rpopd keeps the newest.
INSERT INTO oauth_client (name, token_url, client_id, scope) VALUES
('microsoft', 'https://login.microsoftonline.com/TENANT/oauth2/v2.0/token', 'CLIENT-ID',
    'https://outlook.office.com/POP.AccessAsUser.All offline_access');
INSERT INTO rpop (account, name, domain, auth_name, auth, oauth_client, refresh_token) VALUES
('anna@example.org', 'outlook', 'outlook.office365.com', 'USER@example.com', 'xoauth2', 'microsoft', 'REFRESH-TOKEN');

-- Microsoft 365, in the name of the application: no person has to consent and no refresh token can end, only the client's secret.
-- The application needs the permission POP.AccessAsApp, a service principal in Exchange, and access to each mailbox.
INSERT INTO oauth_client (name, token_url, client_id, client_secret, scope, grant_type) VALUES
('microsoft-app', 'https://login.microsoftonline.com/TENANT/oauth2/v2.0/token', 'CLIENT-ID', 'CLIENT-SECRET',
    'https://outlook.office365.com/.default', 'client_credentials');
INSERT INTO rpop (account, name, domain, auth_name, auth, oauth_client) VALUES
('anna@example.org', 'office', 'outlook.office365.com', 'SHARED@example.com', 'xoauth2', 'microsoft-app');

-- A program that prints an access token.
INSERT INTO rpop (account, name, domain, auth_name, token_command) VALUES
('anna@example.org', 'helper', 'pop.example.net', 'USER', '/usr/local/libexec/rpopd-token USER@example.net');
