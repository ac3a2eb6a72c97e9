"""SQL that the databases share: the ports that are not hot, on either of them."""
