# /etc/dovecot/unified.sieve; run sievec on it.  Dovecot runs it for each recipient by itself, so each copy names one.
require ["editheader", "envelope", "variables"];

# what the sender may have put in
deleteheader "X-Real-To";
if envelope :all :matches "to" "*" {
	addheader "X-Real-To" "<${1}>";
}
