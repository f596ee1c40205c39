/* SPDX-License-Identifier: ISC */
/* A fetchmailrc, from its octets to what its entries say: words, grammar, and the values of options. */
#ifndef FETCHMAIL_INT_H
#define FETCHMAIL_INT_H

#include "import_int.h"

/* --- options: what fetchmail calls settings of everything, of a server and of a user --- */

enum fm_option {
	FM_SET_BOUNCEMAIL, FM_SET_DAEMON, FM_SET_IDFILE, FM_SET_INVISIBLE, FM_SET_LOGFILE, FM_SET_PIDFILE, FM_SET_POSTMASTER,
	FM_SET_SHOWDOTS, FM_SET_SOFTBOUNCE, FM_SET_SPAMBOUNCE, FM_SET_SYSLOG,
	FM_AKA, FM_AUTH, FM_BADHEADER, FM_CHECKALIAS, FM_DNS, FM_ENVELOPE, FM_ENVELOPE_SKIP, FM_ESMTPNAME, FM_ESMTPPASSWORD,
	FM_INTERFACE, FM_INTERVAL, FM_LOCALDOMAINS, FM_MONITOR, FM_PLUGIN, FM_PLUGOUT, FM_PORT, FM_PRINCIPAL, FM_PROTOCOL,
	FM_QVIRTUAL, FM_SERVICE, FM_TIMEOUT, FM_TRACEPOLLS, FM_UIDL, FM_VIA,
	FM_ANTISPAM, FM_BATCHLIMIT, FM_BSMTP, FM_DROPDELIVERED, FM_DROPSTATUS, FM_EXPUNGE, FM_FASTUIDL, FM_FETCHALL,
	FM_FETCHDOMAINS, FM_FETCHLIMIT, FM_FETCHSIZELIMIT, FM_FLUSH, FM_FOLDER, FM_FORCECR, FM_IDLE, FM_IS, FM_KEEP, FM_LIMIT,
	FM_LIMITFLUSH, FM_LMTP, FM_MDA, FM_MIMEDECODE, FM_PASS8BITS, FM_PASSWORD, FM_POSTCONNECT, FM_PRECONNECT, FM_PROPERTIES,
	FM_REWRITE, FM_SMTPADDRESS, FM_SMTPHOST, FM_SMTPNAME, FM_SSL, FM_SSLCERT, FM_SSLCERTCK, FM_SSLCERTFILE, FM_SSLCERTPATH,
	FM_SSLCOMMONNAME, FM_SSLFINGERPRINT, FM_SSLKEY, FM_SSLPROTO, FM_STRIPCR, FM_TO, FM_USER, FM_WARNINGS, FM_WILDCARD,
	FM_OPTIONS
};

enum fm_protocol {
	FM_PROTO_AUTO, FM_PROTO_POP2, FM_PROTO_POP3, FM_PROTO_SDPS, FM_PROTO_IMAP, FM_PROTO_APOP, FM_PROTO_RPOP, FM_PROTO_ETRN,
	FM_PROTO_ODMR, FM_PROTO_KPOP
};
enum fm_auth { FM_AUTH_ANY, FM_AUTH_PASSWORD, FM_AUTH_CRAM_MD5, FM_AUTH_NTLM, FM_AUTH_MSN, FM_AUTH_GSSAPI, FM_AUTH_KERBEROS4,
    FM_AUTH_KERBEROS5, FM_AUTH_SSH, FM_AUTH_EXTERNAL, FM_AUTH_OTP };

struct fm_name {			/* one of a list */
	const char	*text;
	const char	*to;		/* behind =; NULL: nothing */
	struct fm_name	*next;
};

/* What an option has been set to.  line 0: nothing; else text, number (0 or 1 of a switch) or names, as the option has them. */
struct fm_value {
	unsigned int	 line;
	int		 number;
	int		 inherited;	/* from the entry of defaults */
	const char	*text;
	struct fm_name	*names, *last;
};

/* A mailbox: a server of the file, and one of its users. */
struct fm_entry {
	const char	*name;		/* behind poll */
	unsigned int	 line;
	int		 skip;
	int		 several;	/* there are other entries of that name */
	struct fm_value	 values[FM_OPTIONS];
};

/* --- fetchmail_lex.c: words --- */

enum fm_token {
	FM_END, FM_STRING, FM_NUMBER, FM_EQUALS,
	FM_NO, FM_SET, FM_POLL, FM_SKIP, FM_DEFAULTS, FM_HERE, FM_THERE, FM_OPTION, FM_PROTOCOL_WORD, FM_AUTH_WORD, FM_HEADER_WORD,
	FM_NOISE, FM_NO_OPTION		/* words that the lexer keeps to itself */
};
enum fm_state { FM_PLAIN, FM_NAME, FM_AUTHTYPE };	/* what a bare word may be next: a name in any case; a way to log in */

struct fm_chunk;

struct fm_lexer {
	struct import	*imp;
	const char	*at, *end;
	unsigned int	 line;		/* of at */
	enum fm_state	 state;
	const char	*last_line;	/* no line ends from here on; NULL: not known yet */
	struct fm_chunk	*chunks;	/* everything that was allocated */
	/* The word that was read last. */
	enum fm_token	 token;
	int		 value;		/* of an option, a protocol, a way to log in; the number */
	const char	*text;		/* of FM_STRING */
	const char	*word;		/* as it stands in the file, len octets */
	size_t		 len;
	unsigned int	 word_line;
};

void	 fm_lex_init(struct fm_lexer *, struct import *, const char *, size_t);
void	 fm_lex_free(struct fm_lexer *);		/* wipes every text */
int	 fm_lex(struct fm_lexer *);			/* the next word; -1 with an error */
void	*fm_alloc(struct fm_lexer *, size_t);		/* zeroed, until fm_lex_free() */

/* --- fetchmail_words.c --- */

struct fm_word {
	const char	*name;
	enum fm_token	 token;
	int		 value;
	enum fm_state	 state;		/* of the lexer behind it */
};
enum fm_argument {
	FM_ARG_SWITCH, FM_ARG_MARK, FM_ARG_TEXT, FM_ARG_NUMBER, FM_ARG_LIST, FM_ARG_NUMBERS, FM_ARG_NAMES, FM_ARG_SERVICE,
	FM_ARG_PROTOCOL, FM_ARG_AUTH, FM_ARG_ENVELOPE, FM_ARG_HEADER
};
enum fm_side { FM_OF_ALL = 1, FM_OF_SERVER = 2, FM_OF_USER = 4 };

extern const struct fm_rule {
	int			 sides;		/* enum fm_side, or several of them */
	enum fm_argument	 argument;
	int			 alone;		/* an entry does not have it from defaults */
} fm_rules[FM_OPTIONS];

const struct fm_word *fm_word(const char *, size_t);	/* NULL: no word of the language */

/* --- fetchmail_parse.c: grammar --- */

struct fm_file {
	struct fm_lexer	 lex;
	struct fm_value	 all[FM_OPTIONS];
	struct fm_entry	*entries;
	size_t		 n;
	const char	*behind_password;	/* the word that follows one, perhaps a part of it */
	size_t		 handed;		/* entries whose mail went to the mail server of this machine */
	unsigned char	 told[FM_OPTIONS];	/* notes about values of defaults, which are made once */
};

int	 fm_parse(struct fm_file *);		/* -1 with an error */
int	 fm_defaults(struct fm_file *);		/* gives every entry what it has from defaults, and drops that one */

/* --- what an entry becomes --- */

static inline const struct fm_value *
fm_get(const struct fm_entry *e, enum fm_option option)
{
	return (&e->values[option]);
}

static inline int
fm_on(const struct fm_entry *e, enum fm_option option, int otherwise)
{
	return (e->values[option].line != 0 ? e->values[option].number : otherwise);
}

int	 fm_distributes(const struct fm_entry *);	/* it is what fetchmail calls multidrop */
int	 fm_record(struct fm_file *, struct fm_entry *);	/* fetchmail_record.c; -1 with an error */
void	 fm_tls(struct fm_file *, struct fm_entry *, struct import_record *);		/* fetchmail_tls.c */
void	 fm_owner(struct fm_file *, struct fm_entry *, struct import_record *);		/* fetchmail_owner.c */
void	 fm_notes(struct fm_file *, struct fm_entry *, struct import_record *);		/* fetchmail_notes.c */
void	 fm_notes_file(struct fm_file *);
int	 fm_seen(struct import *, const char *, const char *, size_t);			/* fetchmail_files.c */
int	 fm_netrc(struct import *, const char *, size_t);				/* fetchmail_files.c */

#endif
