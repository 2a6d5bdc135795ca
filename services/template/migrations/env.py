from services.kit.database import run_migrations
from services.template.app import Base

run_migrations(Base.metadata)
