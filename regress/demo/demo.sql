-- Who receives mail here.  The domain comes into being with its first account; "sales" is one more address of bert.
INSERT INTO accounts (address) VALUES ('postmaster@example.org'), ('anna@example.org'), ('bert@example.org'), ('info@example.org');
INSERT INTO route (address, target) VALUES ('sales@example.org', 'bert@example.org');
-- The provider of this demonstration runs on this machine: polling it must be allowed.
UPDATE settings SET main_domain = 'example.org', mail_root = '@MAIL@', ca_dir = '@CERTS@', self_poll = 1;

-- (a) A unified mailbox whose messages carry X-Real-To; implicit TLS.
INSERT INTO rpop (account, name, domain, auth_name, password, special, leave)
    VALUES ('postmaster@example.org', 'unified', 'localhost:@POP3S@', 'example.org', 'pass-unified', 'X-Real-To', 0);

-- (b) A unified mailbox without such a field, split by To, Cc and Bcc; STLS.
INSERT INTO rpop (account, name, domain, auth_name, password, special, tls, leave)
    VALUES ('postmaster@example.org', 'old provider', 'localhost:@POP3@', 'all@example.org', 'pass-old', '*', 'stls', 0);

-- (c) Anna's own account elsewhere, into a folder of hers; the messages stay on the server, which is the default.
INSERT INTO rpop (account, name, domain, auth_name, password, mailbox)
    VALUES ('anna@example.org', 'private', 'localhost:@POP3S@', 'anna@provider.example', 'pass-anna', 'Private');
