"""The guide's skills, one a file. Each exports functions of type `Skill`; `guide.SKILLS` puts them in order."""
