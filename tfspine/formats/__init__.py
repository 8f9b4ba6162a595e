"""File formats, one module each: names of the columns, row type, reader and writer; nobody else knows them."""
