"""What is collected here."""

collect_ignore = ["third_party"]  # a package of its own, whose tests run where it is installed
