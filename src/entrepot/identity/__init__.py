"""Who somebody is: passkeys and single sign-on, each behind one file. Decides nothing about what they may do."""
