"""File formats, one module each: column names, row type, reader and writer. No other module uses column names."""
