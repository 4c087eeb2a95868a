from tileable_networks import network as network
