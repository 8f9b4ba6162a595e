"""TLS of the gRPC port, from TensorFlow Serving's ``--ssl_config_file``."""

from pathlib import Path

import grpc

from tfspine.server.text_protos import message_class, read_text_message


def read_credentials(path: Path) -> grpc.ServerCredentials:
    """Read key, certificate and the authority of the clients' certificates, which the file holds as text.

    Raises:
        ServerError: the file cannot be read or is no such message.
    """
    config = read_text_message(path, message_class("SSLConfig")(), "docs/serving.md, Configuration")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
