/* SPDX-License-Identifier: ISC */
/*
 * The list of messages between the processes.  Each line is MESSAGE(type, way, payload, descriptor); a file that includes this one
 * defines MESSAGE() to what it makes of a line: proto.h makes the numbers, messages.c names and sizes.  A new message is a line
 * here, a struct in the header of its channel, a line in the receiver's rule table, and its handler.
 *
 * way		sender and receiver: M master, A any child of it, T template, D dialer, F fetcher, V deliverer, S a fork of sender,
 *		O one of oauth, H one of auth, L popd's listener, P a session of it, X the process of a mailbox, K the signer, W web's
 *		listener, R a request of it, C rpopctl;
 *		regress/t_messages.sh looks for a rule at the receiver
 * payload	EMPTY; ONE(type): a value of that type; OCTETS(min, max); HEAD(type, min, max): a value and so many octets behind it
 * descriptor	NO_FD, FD: one rides along, FD_MAYBE
 *
 * There is no include guard.
 */

/* What every child says and is told. */
MESSAGE(IMSG_READY,		A_M, ONE(uint32_t), NO_FD)			/* message_version(): locked in, waits for work */
MESSAGE(IMSG_LOG,		A_M, ONE(struct msg_log), NO_FD)
MESSAGE(IMSG_LOG_LEVEL,		M_A, ONE(uint32_t), NO_FD)			/* enum log_level */

/* Connections: proto_dialer.h */
MESSAGE(IMSG_DIAL,		M_D, ONE(struct msg_dial), NO_FD)
MESSAGE(IMSG_DIAL_CANCEL,	M_D, ONE(uint32_t), NO_FD)			/* id */
MESSAGE(IMSG_DIALED,		D_M, ONE(struct msg_dialed), FD)		/* the connected TCP socket, non-blocking */
MESSAGE(IMSG_DIAL_FAILED,	D_M, ONE(struct msg_dial_failed), NO_FD)

/* Templates, which fork a process for each piece of work: proto.h */
MESSAGE(IMSG_FORK,		M_T, ONE(uint32_t), FD)				/* id, not 0; the fork's end of its channel */
MESSAGE(IMSG_FORK_KILL,		M_T, ONE(uint32_t), NO_FD)			/* id: it gets SIGKILL; FORK_EXIT follows */
MESSAGE(IMSG_FORK_EXIT,		T_M, ONE(struct msg_fork_exit), NO_FD)

/* A POP3 session: proto_fetcher.h.  It begins in this order, ahead of anything else. */
MESSAGE(IMSG_FETCH_SOCKET,	M_F, EMPTY, FD)					/* the connected socket */
MESSAGE(IMSG_FETCH_PIPE,	M_F, EMPTY, FD)					/* the pipe of messages to the deliverer */
MESSAGE(IMSG_FETCH_START,	M_F, ONE(struct msg_fetch_start), NO_FD)
MESSAGE(IMSG_FETCH_CA,		M_F, OCTETS(1, PROTO_FRAME_MAX), NO_FD)	/* a piece of the record's CA file; only with TLS, */
MESSAGE(IMSG_FETCH_CERT,	M_F, OCTETS(1, PROTO_FRAME_MAX), NO_FD)		/* as a piece of its client certificate, */
MESSAGE(IMSG_FETCH_KEY,		M_F, OCTETS(1, PROTO_FRAME_MAX), NO_FD)		/* and a piece of the key to it; wiped after use */
MESSAGE(IMSG_FETCH_SECRET,	M_F, OCTETS(0, PROTO_TOKEN_MAX), NO_FD)		/* password or access token; work begins */
MESSAGE(IMSG_FETCH_STAT,	F_M, ONE(struct msg_fetch_stat), NO_FD)		/* logged in; once */
MESSAGE(IMSG_FETCH_UIDS,	F_M, OCTETS(6, PROTO_FRAME_MAX), NO_FD)		/* packed: uint32_t msgno, uint8_t len, unique-id */
MESSAGE(IMSG_FETCH_SIZES,	F_M, OCTETS(8, PROTO_FRAME_MAX), NO_FD)		/* packed: uint32_t msgno, uint32_t size */
MESSAGE(IMSG_FETCH_LISTED,	F_M, ONE(struct msg_fetch_listed), NO_FD)	/* the listing's end */
MESSAGE(IMSG_FETCH_PROGRESS,	F_M, EMPTY, NO_FD)			/* the server is not what is waited for; each 2 s at most */
MESSAGE(IMSG_FETCH_FINGERPRINTS, F_M, OCTETS(4 + PROTO_DIGEST_LEN, PROTO_FRAME_MAX), NO_FD) /* packed: uint32_t msgno, digest */
MESSAGE(IMSG_FETCH_LIST,	M_F, EMPTY, NO_FD)				/* the probes do not do: everything is listed */
MESSAGE(IMSG_FETCH_PLAN,	M_F, OCTETS(5, PROTO_FRAME_MAX), NO_FD)		/* packed: uint32_t msgno, uint8_t action */
MESSAGE(IMSG_FETCH_PLAN_END,	M_F, ONE(uint32_t), NO_FD)			/* entries in all; the rest is left alone */
MESSAGE(IMSG_FETCH_VERDICT,	M_F, OCTETS(5, PROTO_FRAME_MAX), NO_FD)		/* packed: uint32_t msgno, uint8_t verdict */
MESSAGE(IMSG_FETCH_STOP,	M_F, EMPTY, NO_FD)				/* no further RETR; verdicts, DELE and QUIT only */
MESSAGE(IMSG_FETCH_CUT,		M_F, EMPTY, NO_FD)				/* the server is not waited for any longer */
MESSAGE(IMSG_FETCH_SKIPPED,	F_M, ONE(struct msg_fetch_text), NO_FD)		/* RETR refused (-ERR); no verdict is due */
MESSAGE(IMSG_FETCH_DENIED,	F_M, ONE(struct msg_fetch_text), NO_FD)		/* DELE refused (-ERR) */
MESSAGE(IMSG_FETCH_DELETED,	F_M, OCTETS(4, PROTO_FRAME_MAX), NO_FD)		/* packed: uint32_t msgno; DELE answered +OK */
MESSAGE(IMSG_FETCH_DONE,	F_M, ONE(struct msg_fetch_done), NO_FD)		/* QUIT answered; the last message */
MESSAGE(IMSG_FETCH_FAILED,	F_M, ONE(struct msg_fetch_failed), NO_FD)	/* the last message */

/* The one-way pipe of messages: proto_pipe.h */
MESSAGE(IMSG_MSG_BEGIN,		F_V, ONE(struct msg_begin), NO_FD)
MESSAGE(IMSG_MSG_DATA,		F_V, OCTETS(1, PROTO_DATA_MAX), NO_FD)		/* dot-unstuffed, CRLF as sent */
MESSAGE(IMSG_MSG_END,		F_V, ONE(struct msg_end), NO_FD)		/* the message is complete */
MESSAGE(IMSG_MSG_ABORT,		F_V, ONE(uint32_t), NO_FD)			/* msgno: the message is to be forgotten */

/* The deliverer, proto_deliverer.h: its table of addresses */
MESSAGE(IMSG_ROUTE_START,	M_V, ONE(struct msg_route_start), NO_FD)	/* a new table begins */
MESSAGE(IMSG_ROUTE_ACCOUNT,	M_V, ONE(struct msg_route_account), NO_FD)
MESSAGE(IMSG_ROUTE_DOMAIN,	M_V, ONE(struct msg_route_domain), NO_FD)
MESSAGE(IMSG_ROUTE_ROWS,	M_V, OCTETS(sizeof(struct msg_route_row), PROTO_FRAME_MAX), NO_FD) /* packed rows */
MESSAGE(IMSG_ROUTE_END,		M_V, ONE(struct msg_route_start), NO_FD)	/* the same again; the table holds if they agree */
MESSAGE(IMSG_ROUTE_ASK,		M_V, ONE(struct msg_route_ask), NO_FD)
MESSAGE(IMSG_ROUTE_TOLD,	V_M, ONE(struct msg_route_told), NO_FD)		/* a line of the answer */

/* The deliverer: the mail root, and what the master remembers of it, at start */
MESSAGE(IMSG_ROOT_IDENTITY,	M_V, ONE(struct msg_root_identity), NO_FD)	/* ahead of everything else, once */
MESSAGE(IMSG_ROOT_COUNTER,	M_V, ONE(uint64_t), NO_FD)			/* what the mail root's file is to say now */
MESSAGE(IMSG_ROOT_DURABLE,	V_M, ONE(uint64_t), NO_FD)			/* counter; all asked for ahead of it is durable */
MESSAGE(IMSG_REPLAY_ROW,	M_V, ONE(struct msg_rcpt), NO_FD)		/* committed earlier; a link yet there is renamed */
MESSAGE(IMSG_REPLAY_HOLD,	M_V, ONE(struct msg_link), NO_FD)		/* a relay row's link stays in the spool */
MESSAGE(IMSG_REPLAY_SPENT,	M_V, ONE(struct msg_link), NO_FD)		/* its row is gone: the link is removed */
MESSAGE(IMSG_REPLAY_END,	M_V, ONE(uint32_t), NO_FD)			/* 1: every row was sent, the rest may be cleared */
MESSAGE(IMSG_REPLAY_RESULT,	V_M, ONE(struct msg_replay_result), NO_FD)	/* before REPLAY_DONE, but MISSING at any time */
MESSAGE(IMSG_REPLAY_SUSPECT,	V_M, ONE(struct msg_replay_suspect), NO_FD)	/* never committed; before REPLAY_DONE */
MESSAGE(IMSG_REPLAY_DONE,	V_M, ONE(uint32_t), NO_FD)			/* 1: all durable in place but what RESULT named */
MESSAGE(IMSG_MAILDIR_BLOCKED,	V_M, ONE(struct msg_maildir_blocked), NO_FD)

/* The deliverer: sessions, and the receipts for what they brought */
MESSAGE(IMSG_SESSION_OPEN,	M_V, ONE(struct msg_session_open), FD)		/* the deliverer's end of the pipe */
MESSAGE(IMSG_SESSION_TRIED,	V_M, ONE(struct msg_session_tried), NO_FD)	/* where a message of a trial would go */
MESSAGE(IMSG_SESSION_CLOSED,	V_M, ONE(struct msg_session_closed), NO_FD)	/* pipe at its end, all receipts are out */
MESSAGE(IMSG_RECEIPT,		V_M, ONE(struct msg_receipt), NO_FD)		/* a message is durable in the spool */
MESSAGE(IMSG_RECEIPT_NOTE,	V_M, ONE(struct msg_receipt_note), NO_FD)	/* right behind its receipt if that is noted */
MESSAGE(IMSG_RECEIPT_RCPT,	V_M, ONE(struct msg_rcpt), NO_FD)		/* for each recipient, behind receipt and note */
MESSAGE(IMSG_RECEIPT_BATCH,	V_M, ONE(struct msg_receipt_batch), NO_FD)	/* ends a batch: RECEIPT_COMMITTED is due */
MESSAGE(IMSG_RECEIPT_COMMITTED,	M_V, OCTETS(sizeof(struct msg_receipt_committed), PROTO_FRAME_MAX), NO_FD) /* struct, verdicts */
MESSAGE(IMSG_RECEIPT_SETTLED,	V_M, ONE(uint32_t), NO_FD)			/* batch: all its renames are durable */
MESSAGE(IMSG_RECEIPT_REFUSED,	V_M, ONE(struct msg_receipt_refused), NO_FD)	/* not taken, stays on the server */

/* The deliverer: files of the spool that wait for a next hop, are in quarantine, or belong to nobody */
MESSAGE(IMSG_SPOOL_OPEN,	M_V, ONE(struct msg_link), NO_FD)
MESSAGE(IMSG_SPOOL_OPENED,	V_M, ONE(struct msg_spool_opened), FD_MAYBE)	/* open for reading, if there is no error */
MESSAGE(IMSG_SPOOL_REMOVE,	M_V, ONE(struct msg_link), NO_FD)		/* its row is gone */
MESSAGE(IMSG_SPOOL_MOVE,	M_V, ONE(struct msg_rcpt), NO_FD)		/* into its Maildir; its row is pending by now */
MESSAGE(IMSG_SPOOL_MOVED,	V_M, ONE(struct msg_link), NO_FD)		/* durable in place */
MESSAGE(IMSG_SET_ASIDE_FILE,	V_M, ONE(struct msg_set_aside_file), NO_FD)	/* a file that no row knows */
MESSAGE(IMSG_SET_ASIDE_ACT,	M_V, ONE(struct msg_set_aside_act), NO_FD)	/* what is to be done with one */
MESSAGE(IMSG_SET_ASIDE_DONE,	V_M, ONE(struct msg_set_aside_done), NO_FD)	/* SHOW is answered by SPOOL_OPENED */

/* The deliverer: messages of the daemon's own */
MESSAGE(IMSG_NOTICE_MAKE,	M_V, ONE(struct msg_notice), NO_FD)		/* for the owner of an account */
MESSAGE(IMSG_NOTICE_MADE,	V_M, ONE(struct msg_notice_made), NO_FD)	/* durable, or not made */
MESSAGE(IMSG_DSN_MAKE,		M_V, ONE(struct msg_dsn), NO_FD)		/* RFC 3464 */
MESSAGE(IMSG_DSN_RCPT,		M_V, ONE(struct msg_dsn_rcpt), NO_FD)		/* a recipient it is about; the last starts it */
MESSAGE(IMSG_DSN_MADE,		V_M, ONE(struct msg_dsn_made), NO_FD)		/* durable in the spool, or not made */

/* A session with a next hop: proto_sender.h */
MESSAGE(IMSG_SEND_START,	M_S, ONE(struct msg_send_start), FD)		/* the connected socket */
MESSAGE(IMSG_SEND_CA,		M_S, HEAD(struct msg_send_part, 0, PROTO_FRAME_MAX), NO_FD) /* a piece of its CA file */
MESSAGE(IMSG_SEND_SECRET,	M_S, HEAD(struct msg_send_part, 0, PROTO_SECRET_MAX), NO_FD) /* password; work begins */
MESSAGE(IMSG_SEND_MAIL,		M_S, ONE(struct msg_send_mail), FD)		/* the message, at its first octet to be sent */
MESSAGE(IMSG_SEND_RCPT,		M_S, ONE(struct msg_send_rcpt), NO_FD)		/* as many as SEND_MAIL said; the last starts it */
MESSAGE(IMSG_SEND_QUIT,		M_S, ONE(uint32_t), NO_FD)			/* id: there is no more mail */
MESSAGE(IMSG_SENT_RCPT,		S_M, ONE(struct msg_sent_rcpt), NO_FD)		/* what became of one; in order, each once */
MESSAGE(IMSG_SENT_MAIL,		S_M, ONE(struct msg_sent_mail), NO_FD)		/* all its recipients are answered for */
MESSAGE(IMSG_SENT_END,		S_M, ONE(struct msg_sent_end), NO_FD)		/* over; who was not answered for was not sent */

/* A request to an identity provider, proto_oauth.h, in this order; work begins with TOKEN_CREDENTIAL. */
MESSAGE(IMSG_TOKEN_START,	M_O, ONE(struct msg_token_start), FD)		/* the socket connected to its endpoint */
MESSAGE(IMSG_TOKEN_CA,		M_O, HEAD(struct msg_token_part, 0, PROTO_FRAME_MAX), NO_FD) /* a piece of its CA file */
MESSAGE(IMSG_TOKEN_CLIENT,	M_O, HEAD(struct msg_token_part, 0, PROTO_SECRET_MAX), NO_FD) /* client secret */
MESSAGE(IMSG_TOKEN_CREDENTIAL,	M_O, HEAD(struct msg_token_part, 0, PROTO_TOKEN_MAX), NO_FD) /* refresh token, device code */
MESSAGE(IMSG_TOKEN_ROTATED,	O_M, HEAD(struct msg_token_part, 1, PROTO_TOKEN_MAX), NO_FD) /* new refresh token; first */
MESSAGE(IMSG_TOKEN_GRANTED,	O_M, HEAD(struct msg_token_granted, 1, PROTO_TOKEN_MAX), NO_FD) /* access token */
MESSAGE(IMSG_TOKEN_DEVICE,	O_M, HEAD(struct msg_token_device, 1, PROTO_TOKEN_MAX), NO_FD) /* device code */
MESSAGE(IMSG_TOKEN_PENDING,	O_M, ONE(struct msg_token_pending), NO_FD)
MESSAGE(IMSG_TOKEN_FAILED,	O_M, ONE(struct msg_token_failed), NO_FD)

/* A password that is to be verified, proto_auth.h, in this order; work begins with AUTH_PASSWORD. */
MESSAGE(IMSG_AUTH_START,	M_H, HEAD(struct msg_auth_part, 1, VERIFIER_MAX), NO_FD) /* the verifier, common/verifier.h */
MESSAGE(IMSG_AUTH_PASSWORD,	M_H, HEAD(struct msg_auth_part, 1, PROTO_SECRET_MAX), NO_FD) /* what was typed */
MESSAGE(IMSG_AUTH_SOURCE,	M_H, ONE(struct msg_auth_source), FD)		/* in the place of a verifier: who is asked instead */
MESSAGE(IMSG_AUTH_DONE,		H_M, ONE(struct msg_auth_done), NO_FD)		/* the answer; the last message */

/* A login at popd, proto_auth.h: between the master, an auth process and the session */
MESSAGE(IMSG_AUTH_LOGIN,	M_H, ONE(struct msg_auth_login), FD)		/* the channel to the session */
MESSAGE(IMSG_AUTH_LOOKUP,	H_M, ONE(struct msg_auth_lookup), NO_FD)
MESSAGE(IMSG_AUTH_VERIFIER,	M_H, HEAD(struct msg_auth_verifier, 1, VERIFIER_MAX), NO_FD) /* of some account or of none */
MESSAGE(IMSG_AUTH_ASK,		H_M, ONE(uint32_t), NO_FD)			/* id; SCRAM: the client has answered */
MESSAGE(IMSG_AUTH_TURN,		M_H, ONE(uint32_t), NO_FD)			/* id: yes, now */
MESSAGE(IMSG_AUTH_RIGHT,	H_M, ONE(uint32_t), NO_FD)			/* id: it was; AUTH_RESULT follows */
MESSAGE(IMSG_AUTH_GIVEN,	H_M, HEAD(struct msg_auth_part, 1, PROTO_SECRET_MAX), NO_FD) /* the password, ahead of YES */
MESSAGE(IMSG_AUTH_RESULT,	H_M, ONE(struct msg_auth_result), NO_FD)	/* the last message */
MESSAGE(IMSG_LOGIN_BEGIN,	P_H, HEAD(struct msg_login_begin, 0, PROTO_SASL_MAX), NO_FD)	/* the first message */
MESSAGE(IMSG_LOGIN_RESPONSE,	P_H, OCTETS(0, PROTO_SASL_MAX), NO_FD)		/* a line of the client's, base64 as it was typed */
MESSAGE(IMSG_LOGIN_CHALLENGE,	H_P, OCTETS(0, PROTO_SASL_MAX), NO_FD)		/* base64, to be sent behind "+ " */

/* popd: proto_popd.h.  The listener, */
MESSAGE(IMSG_POP_LIMITS,	M_L, ONE(struct msg_pop_limits), NO_FD)
MESSAGE(IMSG_POP_CHAIN,		M_L, HEAD(struct msg_pop_part, 1, PROTO_FRAME_MAX), NO_FD) /* a piece of a certificate */
MESSAGE(IMSG_POP_LISTEN,	M_L, ONE(struct msg_pop_listen), FD)		/* its socket; one of this id is replaced */
MESSAGE(IMSG_POP_CERTIFICATE,	M_L, ONE(struct msg_pop_certificate), NO_FD)	/* a further one; one of this id is replaced */
MESSAGE(IMSG_POP_LISTENING,	L_M, ONE(struct msg_pop_listening), NO_FD)	/* to each of the two, in their order */
MESSAGE(IMSG_POP_UNLISTEN,	M_L, ONE(uint32_t), NO_FD)			/* id of either; sessions go on */
MESSAGE(IMSG_POP_SESSION,	L_M, ONE(struct msg_pop_session), FD)		/* the session's channel */
MESSAGE(IMSG_POP_TURNED,	L_M, ONE(struct msg_pop_turned), NO_FD)
/* and a session */
MESSAGE(IMSG_POP_START,		M_P, ONE(struct msg_pop_start), NO_FD)		/* once, ahead of everything else */
MESSAGE(IMSG_POP_LOGIN,		P_M, ONE(uint32_t), NO_FD)			/* enum auth_mech: somebody wants to log in; */
MESSAGE(IMSG_POP_AUTH,		M_P, EMPTY, FD)					/* the channel to an auth process; */
MESSAGE(IMSG_POP_DENIED,	M_P, ONE(struct msg_pop_denied), NO_FD)		/* not this time, */
MESSAGE(IMSG_POP_ALERTED,	P_M, EMPTY, NO_FD)				/* the alert of POP_DENIED has gone out, once each */
MESSAGE(IMSG_POP_OPENED,	M_P, ONE(struct msg_pop_opened), FD)		/* or here is the mailbox */
MESSAGE(IMSG_POP_SIGN,		P_M, EMPTY, NO_FD)				/* a handshake is to begin, once; */
MESSAGE(IMSG_POP_SIGNER,	M_P, EMPTY, FD_MAYBE)				/* the channel to the signer; none: there is no signer now */
MESSAGE(IMSG_POP_SECURE,	P_M, ONE(struct msg_pop_secure), NO_FD)		/* the session is under TLS now */
MESSAGE(IMSG_POP_XMIT,		P_M, EMPTY, NO_FD)				/* may the client send a message? */
MESSAGE(IMSG_POP_PIPE,		M_P, ONE(struct msg_pop_pipe), FD)		/* yes: a message pipe to the deliverer; */
MESSAGE(IMSG_POP_XMIT_DONE,	M_P, ONE(struct msg_pop_xmit_done), NO_FD)	/* what became of it, or no */
MESSAGE(IMSG_POP_STOP,		M_P, EMPTY, NO_FD)				/* the session is to end */
MESSAGE(IMSG_POP_END,		P_M, ONE(struct msg_pop_end), NO_FD)		/* the last message */

/* The signer, proto_signer.h: keys, and signatures for sessions of popd */
MESSAGE(IMSG_SIGN_PEM,		M_K, HEAD(struct msg_sign_part, 1, PROTO_FRAME_MAX), NO_FD) /* a piece of a private key; wiped after use */
MESSAGE(IMSG_SIGN_KEY,		M_K, ONE(struct msg_sign_key), NO_FD)		/* it is whole, and is to be kept */
MESSAGE(IMSG_SIGN_KEPT,		K_M, ONE(struct msg_sign_kept), NO_FD)		/* to each SIGN_KEY, in their order */
MESSAGE(IMSG_SIGN_FORGET,	M_K, ONE(uint32_t), NO_FD)			/* id of a key; there may be none */
MESSAGE(IMSG_SIGN_SESSION,	M_K, ONE(uint32_t), FD)				/* id of a listener; the channel to a session of it */
MESSAGE(IMSG_SIGN,		P_K, HEAD(struct msg_sign, 1, PROTO_TBS_MAX), NO_FD) /* once on a channel */
MESSAGE(IMSG_SIGNED,		K_P, OCTETS(0, PROTO_SIGNATURE_MAX), NO_FD)	/* none: it is not signed */

/* The process of a mailbox: proto_mailbox.h */
MESSAGE(IMSG_BOX_START,		M_X, ONE(struct msg_box_start), FD)		/* the channel to the session */
MESSAGE(IMSG_BOX_OPENED,	X_M, ONE(struct msg_box_opened), NO_FD)
MESSAGE(IMSG_BOX_FAILED,	X_M, ONE(struct msg_box_failed), NO_FD)		/* the last message, */
MESSAGE(IMSG_BOX_RESULT,	X_M, ONE(struct msg_box_result), NO_FD)		/* or this is */
MESSAGE(IMSG_BOX_ENTRIES,	X_P, OCTETS(10, PROTO_FRAME_MAX), NO_FD)	/* packed, see proto_mailbox.h */
MESSAGE(IMSG_BOX_LISTED,	X_P, ONE(struct msg_box_listed), NO_FD)
MESSAGE(IMSG_BOX_FETCH,		P_X, ONE(uint32_t), NO_FD)			/* msgno */
MESSAGE(IMSG_BOX_MESSAGE,	X_P, ONE(struct msg_box_message), FD_MAYBE)	/* open for reading, if there is no error */
MESSAGE(IMSG_BOX_SEEN,		P_X, OCTETS(4, PROTO_FRAME_MAX), NO_FD)		/* packed uint32_t msgno: retrieved whole */
MESSAGE(IMSG_BOX_DELETE,	P_X, OCTETS(4, PROTO_FRAME_MAX), NO_FD)		/* packed uint32_t msgno; only ahead of BOX_QUIT */
MESSAGE(IMSG_BOX_QUIT,		P_X, EMPTY, NO_FD)				/* what was named is to be deleted */
MESSAGE(IMSG_BOX_DONE,		X_P, ONE(struct msg_box_done), NO_FD)

/* web: proto_web.h.  The listener, */
MESSAGE(IMSG_WEB_LISTEN,	M_W, EMPTY, FD)					/* the listening socket; the one so far is replaced */
MESSAGE(IMSG_WEB_UNLISTEN,	M_W, EMPTY, NO_FD)				/* it is closed; requests go on */
MESSAGE(IMSG_WEB_REQUEST,	W_M, ONE(struct msg_web_request), FD)		/* the request's channel */
/* and a request */
MESSAGE(IMSG_WEB_ENTER,		R_M, ONE(struct msg_web_enter), NO_FD)		/* once, the first message; */
MESSAGE(IMSG_WEB_ENTERED,	M_R, ONE(struct msg_web_entered), FD_MAYBE)	/* with the control channel of who is logged in */
MESSAGE(IMSG_WEB_BEGIN,		R_M, ONE(struct msg_web_begin), NO_FD)		/* somebody wants to log in; */
MESSAGE(IMSG_WEB_AUTH,		M_R, EMPTY, FD)					/* the channel to an auth process; */
MESSAGE(IMSG_WEB_SESSION,	M_R, ONE(struct msg_web_session), NO_FD)	/* he has, */
MESSAGE(IMSG_WEB_DENIED,	M_R, ONE(struct msg_web_denied), NO_FD)		/* or has not */
MESSAGE(IMSG_WEB_LOGOUT,	R_M, EMPTY, NO_FD)				/* behind ENTER with change 1 */

/* rpopctl, and a request of web on the channel of WEB_ENTERED: proto_ctl.h.  Both ways peerid is message_version().  Where nothing is said, CTL_OK or CTL_FAIL answers. */
MESSAGE(IMSG_CTL_STATUS,	C_M, EMPTY, NO_FD)				/* CTL_DAEMON, CTL_RECORD..., CTL_END */
MESSAGE(IMSG_CTL_ACCOUNT,	C_M, ONE(struct ctl_name), NO_FD)		/* one account: CTL_RECORD..., CTL_END */
MESSAGE(IMSG_CTL_WORK,		C_M, EMPTY, NO_FD)				/* as STATUS, of records with work; nothing counted in state.db */
MESSAGE(IMSG_CTL_RELOAD,	C_M, EMPTY, NO_FD)
MESSAGE(IMSG_CTL_POLL,		C_M, ONE(struct ctl_name), NO_FD)		/* a record, an account, or "all" */
MESSAGE(IMSG_CTL_LOG_LEVEL,	C_M, ONE(uint32_t), NO_FD)			/* enum log_level */
MESSAGE(IMSG_CTL_STOP,		C_M, EMPTY, NO_FD)
MESSAGE(IMSG_CTL_RENUMBER,	C_M, ONE(struct ctl_renumber), NO_FD)		/* what is to be done about a renumbered mailbox */
MESSAGE(IMSG_CTL_FORGET,	C_M, ONE(struct ctl_name), NO_FD)		/* account/record */
MESSAGE(IMSG_CTL_ROUTE,		C_M, ONE(struct ctl_name), NO_FD)		/* an address: CTL_LINE..., CTL_END */
MESSAGE(IMSG_CTL_TRY,		C_M, ONE(struct ctl_name), NO_FD)		/* account/record: CTL_TRIED..., CTL_ENVELOPE..., OK */
MESSAGE(IMSG_CTL_EXPLAIN,	C_M, ONE(struct ctl_explain), NO_FD)		/* CTL_LINE..., CTL_END or CTL_FAIL */
MESSAGE(IMSG_CTL_FIND,		C_M, ONE(struct ctl_find), NO_FD)		/* CTL_FOUND for each, the last first; CTL_END */
MESSAGE(IMSG_CTL_QUEUE,		C_M, EMPTY, NO_FD)				/* CTL_QUEUED for each row of relay, CTL_END */
MESSAGE(IMSG_CTL_RETRY,		C_M, ONE(struct ctl_name), NO_FD)		/* "all", a next hop, or a row's number */
MESSAGE(IMSG_CTL_MOVE,		C_M, ONE(struct ctl_move), NO_FD)		/* what waits for a next hop, to another one */
MESSAGE(IMSG_CTL_QUARANTINE,	C_M, ONE(struct ctl_quarantine), NO_FD)		/* LIST: CTL_QUEUED...; SHOW: CTL_LINE; CTL_END */
MESSAGE(IMSG_CTL_SECRET,	C_M, ONE(struct ctl_name), NO_FD)		/* account/record: CTL_ROW, its password; CTL_END */
MESSAGE(IMSG_CTL_SEEN,		C_M, HEAD(struct ctl_seen, 0, PROTO_SEEN_OCTETS), NO_FD) /* packed: uint8_t len, unique-id */
MESSAGE(IMSG_CTL_PASSWORD,	C_M, HEAD(struct ctl_password, 0, PROTO_SECRET_MAX + VERIFIER_MAX), NO_FD) /* of an account */
MESSAGE(IMSG_CTL_ROWS,		C_M, HEAD(struct ctl_rows, 0, PROTO_FRAME_MAX), NO_FD)	/* CTL_ROW..., CTL_END */
MESSAGE(IMSG_CTL_CHANGE,	C_M, HEAD(struct ctl_change, 0, PROTO_FRAME_MAX), NO_FD) /* the last of its batch is answered */
MESSAGE(IMSG_CTL_ROW,		M_C, OCTETS(1, PROTO_FRAME_MAX), NO_FD)		/* cells of a row of rpopd.db */
MESSAGE(IMSG_CTL_OAUTH_LOGIN,	C_M, ONE(struct ctl_name), NO_FD)		/* account/record: CTL_LOGIN..., then as the rest */
MESSAGE(IMSG_CTL_WHO,		C_M, EMPTY, NO_FD)				/* CTL_READER..., CTL_END */
MESSAGE(IMSG_CTL_ALERT,		C_M, ONE(struct ctl_alert), NO_FD)		/* an alert is made, or removed */
MESSAGE(IMSG_CTL_ALERTS,	C_M, ONE(struct ctl_name), NO_FD)		/* an account, empty: all; CTL_ALERTED..., CTL_END */
MESSAGE(IMSG_CTL_DAEMON,	M_C, ONE(struct ctl_daemon), NO_FD)
MESSAGE(IMSG_CTL_RECORD,	M_C, ONE(struct ctl_record), NO_FD)
MESSAGE(IMSG_CTL_TRIED,		M_C, ONE(struct ctl_tried), NO_FD)		/* in any order */
MESSAGE(IMSG_CTL_ENVELOPE,	M_C, ONE(struct ctl_envelope), NO_FD)		/* of a trial: special first, then others */
MESSAGE(IMSG_CTL_QUEUED,	M_C, ONE(struct ctl_queued), NO_FD)
MESSAGE(IMSG_CTL_FOUND,		M_C, ONE(struct ctl_found), NO_FD)
MESSAGE(IMSG_CTL_READER,		M_C, ONE(struct ctl_reader), NO_FD)		/* a session of a mail program */
MESSAGE(IMSG_CTL_LOGIN,		M_C, ONE(struct ctl_login), NO_FD)		/* at once, and whenever the provider was asked */
MESSAGE(IMSG_CTL_ALERTED,	M_C, ONE(struct ctl_alerted), NO_FD)		/* by account, and by age */
MESSAGE(IMSG_CTL_LINE,		M_C, ONE(struct ctl_text), FD_MAYBE)		/* the descriptor is of a message to be shown */
MESSAGE(IMSG_CTL_END,		M_C, EMPTY, NO_FD)				/* of a listing */
MESSAGE(IMSG_CTL_OK,		M_C, ONE(struct ctl_text), NO_FD)
MESSAGE(IMSG_CTL_FAIL,		M_C, ONE(struct ctl_text), NO_FD)
