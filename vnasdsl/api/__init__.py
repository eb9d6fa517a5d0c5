"""What `import vnasdsl` gives, and what the commands share with it. The package itself loads these files when they are
asked for."""
