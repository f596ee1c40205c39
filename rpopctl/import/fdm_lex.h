/* SPDX-License-Identifier: ISC */
/* Tokens of an fdm.conf. */
#ifndef FDM_LEX_H
#define FDM_LEX_H

#include "import_int.h"

#define FDM_NAME_MAX	63		/* of a macro, its $ or % included; of an account */

/* A string, and what would have to be run or known to have it whole. */
struct fdm_value {
	char	*text;			/* len octets and a NUL; NULL: none */
	size_t	 len, size;
	char	*unknown;		/* NULL: text is the value */
};

enum fdm_kind {
	FDM_END, FDM_WORD, FDM_SIGN, FDM_NUMBER, FDM_STRING, FDM_STRMACRO, FDM_NUMMACRO, FDM_STRCOMMAND, FDM_NUMCOMMAND,
	FDM_NONE,			/* ifdef, ifndef, endif: at the beginning of a statement only */
	FDM_INCLUDE			/* likewise; value is the file */
};

struct fdm_token {
	enum fdm_kind		 kind;
	unsigned int		 line;
	const char		*word;		/* of a word: a constant; of a sign: what it is */
	int64_t			 number;
	struct fdm_value	 value;		/* of a string, the name of a macro, a command */
};

struct fdm_macro {
	char			 name[FDM_NAME_MAX + 1];
	int64_t			 number;	/* of %name */
	struct fdm_value	 value;		/* of $name; unknown is set for both */
};

struct fdm_lexer {
	struct import		*imp;
	const char		*at, *end;
	unsigned int		 line;
	int			 ifdef;		/* that are open */
	int			 skip;
	int			 included;	/* a file was: macros may be in it */
	struct fdm_macro	*macros;
	size_t			 nmacros;
	struct fdm_token	 token;		/* the one that is next */
};

/* token is the next one from now on, and what the last one held is wiped; -1 with an error. */
int	 fdm_next(struct fdm_lexer *);
void	 fdm_free(struct fdm_lexer *);
const char *fdm_text(const struct fdm_token *);		/* what the token is, for errors */

const struct fdm_macro *fdm_macro_find(const struct fdm_lexer *, const char *);
int	 fdm_macro_set(struct fdm_lexer *, unsigned int line, const char *name, int64_t, struct fdm_value *);	/* takes the value */

int	 fdm_value_add(struct fdm_lexer *, struct fdm_value *, const char *, size_t);
void	 fdm_value_unknown(struct fdm_value *, const char *fmt, ...) __attribute__((__format__(printf, 2, 3)));
void	 fdm_value_free(struct fdm_value *);		/* wipes it */

#endif
