"""`python -m app` is `q3tts`."""

from app.cli.main import main

if __name__ == "__main__":
    main()
