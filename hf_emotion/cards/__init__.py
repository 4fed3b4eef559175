"""Cards of models and corpora, and what licences allow."""
